import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { RunningMigration } from '../migration-run.ts'
import { eventually, ownServer, server, sql, uniqueName } from '../servers.ts'
import { faultRun, LIMIT } from './fault-run.ts'
import { smallDisk } from './small-disk.ts'

const BULK_ROWS = 5_000

/** Waits until the migration waits for its operator, or misses a server; fails on any other error than that something is used up. */
async function stopped(running: RunningMigration, what: string): Promise<void> {
  const { errors } = await eventually(what, 90, async () => {
    const status = await running.status()
    return status.state === 'waiting' || status.state === 'reconnecting' ? status : undefined
  })
  assert.deepEqual(
    [...new Set(errors.items.map(({ type }) => type))].filter((type) => type !== 'OutOfResources'),
    [],
  )
}

/** Tells a migration that waits to go on, until it has caught up. */
async function goesOn(running: RunningMigration): Promise<void> {
  await eventually('undelayed replication', 120, async () => {
    const { state, undelayed } = await running.status()
    if (state === 'waiting') await running.signal('resume')
    return state === 'running' && undelayed
  })
}

test(
  "the target's disk is full while changes are applied, then the source's: nothing is passed over, and it goes on once there is room",
  LIMIT,
  async (t) => {
    const [sourceDisk, targetDisk] = [smallDisk(400), smallDisk(160)]
    if (!sourceDisk || !targetDisk) return t.skip('a full disk needs a file system of its own, and this user may not mount one')
    const settings = { min_wal_size: '32MB', max_wal_size: '64MB' }
    const from = await ownServer(13, { dataFolder: path.join(sourceDisk.folder, 'data'), settings })
    const to = await server(17)
    const run = await faultRun({ from, to, prepare: (on) => on.sql('create table shop.bulk (id int primary key, note text)') })
    const { source, target, migration, writer } = run
    const space = uniqueName('space')
    await sql(to.url('postgres'), `create tablespace ${space} location '${targetDisk.folder}'`)
    await sql(to.url('postgres'), `alter database ${target.name} set tablespace ${space}`)
    t.after(async () => {
      await target.drop()
      await sql(to.url('postgres'), `drop tablespace ${space}`)
    })
    await migration.worker()
    const running = await migration.start({ ignoreWarnings: true })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

    await t.test('of the target: the whole transaction waits', async () => {
      targetDisk.fill(0)
      await source.sql(`insert into shop.bulk select i, repeat(md5(i::text), 20) from generate_series(1, ${BULK_ROWS}) i`)
      await stopped(running, 'the wait')
      const { state, errors } = await running.status()
      assert.equal(state, 'waiting')
      assert.match(errors.items.at(-1)?.message ?? '', /On the target.*(No space left|wrote only \d+ of \d+ bytes).*resume/s)
      assert.deepEqual(await target.sql('select count(*) as rows from shop.bulk'), [{ rows: '0' }])
      targetDisk.free()
      await goesOn(running)
      assert.deepEqual(await target.sql('select count(*) as rows from shop.bulk'), [{ rows: String(BULK_ROWS) }])
    })

    await t.test('of the source: first for rows, then for WAL, which takes the server down', async () => {
      sourceDisk.fill(64)
      await assert.rejects(source.sql(`create unlogged table shop.spill as select repeat('x', 1000) from generate_series(1, 20000)`), {
        code: '53100',
      })
      await assert.rejects(source.sql(`select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, 200)`))
      await stopped(running, 'the loss of the source')
      sourceDisk.free()
      await from.restart()
      const { commits } = writer
      await eventually('the application to write again', 60, () => writer.commits > commits)
      await goesOn(running)
    })

    const report = await run.cutOver(running)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  },
)
