import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { RunningMigration } from '../migration-run.ts'
import { eventually, ownServer, server } from '../servers.ts'
import { addBigTable, bigTableCopied, bigTableCopying } from './big-table.ts'
import { FAILPOINT_WORKER, faultRun, LIMIT } from './fault-run.ts'

type Side = 'source' | 'target'

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
  assert.equal(Date.parse(deadline) - Date.parse(lostAt), 12 * 3_600_000)
  await crashed.restart()
  await running.reach(`the return of the ${side}`, (s) => s.state === 'running' && s.connection[side].state === 'connected', 60)
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
        const running = await run.migration.start({ ignoreWarnings: true })

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

  test('source and target crash while the rows of a table are sent', LIMIT, async () => {
    const from = await ownServer(13)
    const to = await ownServer(17)
    const run = await faultRun({ from, to, prepare: addBigTable })
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
    }
    const report = await run.cutOver(running)
    const repeated = report.repeated.items.filter(({ object }) => object.includes('big')).map(({ reason }) => reason)
    assert.ok(repeated.length > 0)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })
})
