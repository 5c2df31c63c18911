import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, ownServer } from '../servers.ts'
import { faultRun, LIMIT } from './fault-run.ts'
import { endEpoch, EPOCH, nearEpochEnd, nextXid } from './near-epoch-end.ts'

/** The writer uses some up before the copy, definitions and copies on the target. */
const LEFT = { source: 2_000, target: 5_000 }

test(
  'transaction IDs pass 2^32 on the source while tables are copied, and on the target while changes are applied: nothing is lost or doubled',
  LIMIT,
  async () => {
    const [from, to] = await Promise.all([ownServer(18), ownServer(18)])
    await Promise.all([nearEpochEnd(from, LEFT.source), nearEpochEnd(to, LEFT.target)])
    const run = await faultRun({ from, to })
    const { source, target, migration, writer } = run
    await migration.worker()
    const running = await migration.start({ ignoreWarnings: true, transferRate: { rowsPerSecond: 200 } })

    await eventually('rows that were copied', 90, async () => {
      const [row] = await target.sql('select sum(rows) as rows from pgmove.copy_progress').catch(() => [])
      return Number(row?.['rows'] ?? 0) > 0
    })
    assert.ok((await nextXid(source.url)) < EPOCH)
    await endEpoch(source.url)
    const { tables } = await running.status()
    assert.ok(tables.copied < tables.total, 'the copy was over before the epoch')
    await running.signal('setTransferRate', { rowsPerSecond: null })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

    assert.ok((await nextXid(target.url)) < EPOCH)
    await endEpoch(target.url)
    const commits = writer.commits
    await running.reach('commits of the new epoch', (s) => s.undelayed && writer.commits > commits + 20)
    await run.cutOver(running)
    await run.assertMoved()
    for (const side of [source, target]) assert.ok((await nextXid(side.url)) > EPOCH)
  },
)
