import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import pg from 'pg'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { RunningMigration } from '../migration-run.ts'
import { eventually, ownServer, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { addBigTable, bigTableCopied, bigTableCopying } from './big-table.ts'
import { FAILPOINT_WORKER, faultRun, LIMIT } from './fault-run.ts'

type Side = 'source' | 'target'

/** The reconnect window of the run in which that side crashes: as the spec says, or the default. */
const WINDOWS = { source: { spec: {}, ms: 12 * 3_600_000 }, target: { spec: { reconnectWindow: '90s' }, ms: 90_000 } } as const

/** Crashes the server, waits until the status tells of it, and starts it again. */
async function crashAndReturn(running: RunningMigration, side: Side, crashed: PostgresServer): Promise<void> {
  await crashed.crash()
  const status = await running.reach(
    `the loss of the ${side}`,
    (s) => s.state === 'reconnecting' && s.connection[side].state === 'reconnecting',
    40,
  )
  const { lostAt, deadline } = status.connection[side]
  assert.ok(lostAt && deadline)
  assert.equal(Date.parse(deadline) - Date.parse(lostAt), WINDOWS[side].ms)
  await crashed.restart()
  await running.reach(`the return of the ${side}`, (s) => s.state === 'running' && s.connection[side].state === 'connected', 60)
}

/** Its build waits in its middle as long as somebody holds the lock. */
const HELD_INDEX = `
  create function shop.held(id int) returns int language plpgsql immutable as $$
    begin
      if id = 30000 then perform pg_advisory_lock_shared(4242); perform pg_advisory_unlock_shared(4242); end if;
      return id;
    end $$;
  create index big_held on shop.big (shop.held(id))`
const BUILDING = `select from pg_stat_activity where datname = current_database() and query ~ 'big_held' and wait_event = 'advisory'`

/** Holds the build of the index up until the server crashes. */
async function holdIndexes(target: TestDatabase): Promise<void> {
  const client = new pg.Client({ connectionString: target.url })
  client.on('error', () => undefined)
  await client.connect()
  await client.query('select pg_advisory_lock(4242)')
}

describe('servers go away', { concurrency: 2 }, () => {
  for (const side of ['source', 'target'] as const) {
    test(
      `the ${side} crashes in the copy, in replication and in the cutover, and is restarted: the run goes on by itself`,
      LIMIT,
      async () => {
        const own = await ownServer(side === 'source' ? 13 : 17)
        const run = await faultRun({
          from: side === 'source' ? own : await server(13),
          to: side === 'target' ? own : await server(17),
        })
        const { failpoints, writer } = run
        const { tablesPlanned, tableCopied, copyFinished, markerTaken, sequencesSet } = FAILPOINTS
        for (const name of [tablesPlanned, tableCopied, copyFinished, markerTaken, sequencesSet]) failpoints.order(name, 'stand')
        await run.migration.worker({}, FAILPOINT_WORKER)
        const running = await run.migration.start({ ignoreWarnings: true, ...WINDOWS[side].spec })

        const at = async (name: (typeof FAILPOINTS)[keyof typeof FAILPOINTS], act: () => Promise<void>): Promise<void> => {
          await eventually(name, 120, () => failpoints.followed(name))
          await act()
          failpoints.release(name)
        }
        await at(tablesPlanned, () => own.restart())
        await at(tableCopied, async () => {
          // One lane stands still; the others meet the loss at once, and this one when it goes on.
          await own.crash()
        })
        // What is left of the copy may need the target only: then the source is missed when the stream begins.
        if (side === 'source') failpoints.release(copyFinished)
        await running.reach(`the loss of the ${side}`, (s) => s.connection[side].state === 'reconnecting', 40)
        await own.restart()
        if (side === 'target') await at(copyFinished, () => own.restart())

        await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
        await crashAndReturn(running, side, own)
        const commits = writer.commits
        await eventually('more transactions', 60, () => writer.commits > commits + 20)
        await own.restart()

        await running.reach('undelayed replication again', (s) => s.phase === 'incremental' && s.undelayed, 60)
        await writer.stop()
        await running.signal('cutover')
        await at(markerTaken, () => own.restart())
        await at(sequencesSet, async () => {
          await own.crash()
        })
        await running.reach(`the loss of the ${side}`, (s) => s.phase === 'cutover' && s.connection[side].state === 'reconnecting', 40)
        await own.restart()
        const report = await running.result()
        assert.deepEqual(report.left, [])
        await run.assertMoved()
      },
    )
  }

  test('source and target crash while the rows of a table are sent, and the target while its index is built', LIMIT, async () => {
    const from = await ownServer(13)
    const to = await ownServer(17)
    const prepare = async (source: TestDatabase) => {
      await addBigTable(source)
      await source.sql(HELD_INDEX)
    }
    const run = await faultRun({ from, to, prepare })
    const { source, target } = run
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true })
    for (const [side, crashed] of [
      ['source', from],
      ['target', to],
    ] as const) {
      await bigTableCopying(source)
      await crashed.crash()
      await running.reach(`the loss of the ${side}`, (s) => s.connection[side].state === 'reconnecting', 40)
      await crashed.restart()
      assert.equal(await bigTableCopied(target), false)
      if (side === 'target') await holdIndexes(target)
    }
    await eventually('the build of the index', 90, async () => (await target.sql(BUILDING)).length > 0)
    await to.crash()
    await running.reach('the loss of the target', (s) => s.connection.target.state === 'reconnecting', 40)
    await to.restart()
    const report = await run.cutOver(running)
    const repeated = report.repeated.items.filter(({ object }) => object.includes('big')).map(({ reason }) => reason)
    // Once for each side that was away while its rows were sent; the index that was lost costs no copy.
    assert.ok(repeated.length > 0 && Number(/ (\d+) times/.exec(repeated.at(-1) ?? '')?.[1]) <= 3, repeated.join('; '))
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })
})
