import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import type { Status } from '../../src/workflows/status.ts'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { database, eventually, ownServer, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { contents, fillSmallSource, remains } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }
/** No checkpoint comes by itself: what is lost, and when, is the test's affair. */
const SETTINGS = { max_slot_wal_keep_size: '96MB', checkpoint_timeout: '1h', max_wal_size: '2GB' }

interface Watched {
  readonly own: PostgresServer
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly running: RunningMigration
}

async function start(major: number, spec: Record<string, unknown>): Promise<Watched> {
  const own = await ownServer(major, { settings: SETTINGS })
  const source = await database(own)
  const target = await database(await server(17))
  await fillSmallSource(source)
  const migration = await testMigration({ source: source.url, target: target.url })
  await migration.worker()
  const running = await migration.start({ ignoreWarnings: true, lag: { heartbeat: '200ms' }, ...spec })
  return { own, source, target, running }
}

/** WAL that is not the migration's: each segment has 16 MB. */
async function writeWal(on: TestDatabase, segments: number): Promise<void> {
  for (let i = 0; i < segments; i++) await on.sql(`select txid_current(), pg_switch_wal()`)
}

async function keepAtMost(source: TestDatabase, size: string): Promise<void> {
  await source.sql(`alter system set max_slot_wal_keep_size = '${size}'`)
  await source.sql('select pg_reload_conf()')
}

async function beats(source: TestDatabase): Promise<number> {
  const [row] = await source.sql('select max(beat) as beat from pgmove.dts_postgres_heartbeat')
  return Number(row?.['beat'] ?? 0)
}

async function assertBeating(source: TestDatabase, what: string): Promise<void> {
  const before = await beats(source)
  await eventually(`the heartbeat ${what}`, 20, async () => (await beats(source)) > before + 5)
}

const retained = ({ slot }: Status): bigint => BigInt(slot?.retainedBytes ?? 0)
const warned = ({ warnings }: Status): boolean => warnings.items.some((line) => line.startsWith('The source keeps '))
const MEBIBYTE = 1_048_576n

async function assertLost({ running, source }: Watched): Promise<void> {
  const failure = await running.result().then(
    () => 'it completed',
    (error: unknown) => (error as { cause?: { type?: string } }).cause?.type,
  )
  assert.equal(failure, 'SlotLost')
  const status = await running.status()
  assert.equal(status.state, 'failed')
  assert.match(status.errors.items.at(-1)?.message ?? '', /^On the source: slot dts_sync_\w+ was invalidated/)
  assert.ok(!warned(status), 'a warning of a slot that is gone stays')
  assert.deepEqual(await remains(source), [])
}

describe('a slot in danger', { concurrency: 2 }, () => {
  test('while tables are copied: heartbeat, growth, a warning that goes when its cause does, and the loss at once', LIMIT, async () => {
    const watched = await start(13, { transferRate: { rowsPerSecond: 1 } })
    const { running, source } = watched
    await running.reach('the copy', ({ phase }) => phase === 'full')
    await assertBeating(source, 'in the copy')
    const before = await running.reach('the size of what the slot retains', (s) => retained(s) > 0n)
    assert.ok(!warned(before), before.warnings.items.join('\n'))
    await writeWal(source, 4)
    const grown = await running.reach('the warning', warned)
    assert.ok(retained(grown) > retained(before) + 40n * MEBIBYTE)
    assert.equal(grown.phase, 'full')
    await keepAtMost(source, '4GB')
    await running.reach('the end of the warning', (s) => !warned(s))
    await keepAtMost(source, '32MB')
    await writeWal(source, 3)
    await source.sql('checkpoint')
    await assertLost(watched)
  })

  test("while changes are streamed other databases' WAL is let go; in a pause all is watched as before", LIMIT, async () => {
    const watched = await start(17, {})
    const { running, source, target, own } = watched
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    assert.deepEqual(await contents(target), await contents(source))
    const other = await database(own)
    const slot = async (column: string): Promise<bigint> => {
      const [row] = await source.sql(`select ${column} - '0/0'::pg_lsn as n from pg_replication_slots`)
      return BigInt(row?.['n'] ?? 0)
    }
    const position = await slot('pg_current_wal_lsn()')
    await writeWal(other, 4)
    await eventually(
      'the slot to be told of WAL that concerns it not',
      60,
      async () => (await slot('confirmed_flush_lsn')) > position + 48n * MEBIBYTE,
    )
    // The oldest position that a slot needs moves with the records of running transactions, which an idle server writes rarely.
    await eventually('WAL to be let go', 60, async () => {
      await source.sql('checkpoint')
      return (await slot('restart_lsn')) > position + 48n * MEBIBYTE
    })

    await running.signal('pause')
    await running.reach('the pause', ({ state }) => state === 'paused')
    await eventually('the end of the stream', 20, async () => {
      const [row] = await source.sql('select active from pg_replication_slots')
      return row?.['active'] === 'f'
    })
    await assertBeating(source, 'in the pause')
    await writeWal(other, 4)
    const paused = await running.reach('the warning in the pause', warned)
    assert.ok(paused.state === 'paused' && retained(paused) > 40n * MEBIBYTE)
    await running.signal('resume')
    await running.reach('the end of the warning', (s) => s.undelayed && !warned(s))
    await running.signal('pause')
    await running.reach('the second pause', ({ state }) => state === 'paused')
    await writeWal(other, 8)
    await source.sql('checkpoint')
    await assertLost(watched)
  })
})
