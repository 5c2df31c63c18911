import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'
import { server } from '../servers.ts'
import { AT_OWN_SNAPSHOTS, AT_RESOLVE } from './copy-failpoints.ts'
import { AT_ABORT } from './cutover-steps.ts'
import { faultRun, LIMIT } from './fault-run.ts'

/** Several workers die in one run; each next one takes over 10 s later, when the heartbeat time-out has passed. */
const { sourcePrepared, definitionsDumped, definitionsBegun, tablesPlanned, targetPrepared, tableBegun, tableCopied, tableIndexed } =
  FAILPOINTS
const { largeObjectsBegun, copyFinished, slotChecked, groupCommitted, positionReached, constraintsBegun, markerTaken, sequencesSet } =
  FAILPOINTS
const {
  fenceSet,
  fenceRaised,
  drained,
  targetVerified,
  countsCompared,
  viewsRefreshed,
  restoreBegun,
  objectsRestored,
  targetRestored,
  metadataCompared,
  releaseBegins,
  sourceReleased,
  reportWritten,
} = FAILPOINTS

const RUNS: readonly { from: number; to: number; fence: 'readOnly' | 'none'; at: readonly Failpoint[] }[] = [
  {
    from: 13,
    to: 17,
    fence: 'readOnly',
    at: [sourcePrepared, definitionsBegun, tableBegun, positionReached, fenceSet, sequencesSet, restoreBegun],
  },
  {
    from: 10,
    to: 18,
    fence: 'readOnly',
    at: [definitionsDumped, targetPrepared, tableCopied, slotChecked, fenceRaised, drained, countsCompared, releaseBegins],
  },
  {
    from: 17,
    to: 17,
    fence: 'readOnly',
    at: [tablesPlanned, tableIndexed, largeObjectsBegun, constraintsBegun, markerTaken, targetVerified, viewsRefreshed, sourceReleased],
  },
  {
    from: 13,
    to: 18,
    fence: 'readOnly',
    at: [copyFinished, groupCommitted, objectsRestored, targetRestored, metadataCompared, reportWritten],
  },
]

/** Copied one by one. */
const LARGE_OBJECTS = `select lo_from_bytea(n::oid, decode(repeat(md5(n::text), 40000), 'hex')) from generate_series(100, 105) n`
const LARGE_OBJECT_DIGESTS = 'select oid, md5(lo_get(oid)) as digest from pg_largeobject_metadata order by 1'

describe('workers are killed', { concurrency: RUNS.length }, () => {
  test('at every failpoint', () => {
    const tried = new Set([...RUNS.flatMap(({ at }) => at), ...AT_OWN_SNAPSHOTS, ...AT_RESOLVE, ...AT_ABORT])
    assert.deepEqual([...tried].sort(), Object.values(FAILPOINTS).sort())
  })

  for (const { from, to, fence, at } of RUNS) {
    test(`${from} to ${to}: ${at.join(', ')}: the run goes on by itself, and nothing is lost or doubled`, LIMIT, async () => {
      const run = await faultRun({ from: await server(from), to: await server(to), prepare: (source) => source.sql(LARGE_OBJECTS) })
      for (const name of at) run.failpoints.order(name, 'die')
      const end = run.superviseWorkers()
      const running = await run.migration.start({ ignoreWarnings: true, cutover: { fence } })
      const report = await run.cutOver(running, 280)
      await end()
      assert.deepEqual(
        at.filter((name) => !run.failpoints.followed(name)),
        [],
      )
      // The fence alone stays; every statement that lifts it is told.
      assert.equal(report.left.length, fence === 'readOnly' ? 1 : 0)
      for (const line of report.left) await run.source.sql(line.split('): ')[1] ?? '')
      assert.equal(report.tables.copied, report.tables.total)
      await run.assertMoved()
      assert.deepEqual(await run.target.sql(LARGE_OBJECT_DIGESTS), await run.source.sql(LARGE_OBJECT_DIGESTS))
    })
  }
})
