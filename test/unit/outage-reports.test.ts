import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually } from '../../dev/eventually.ts'
import { OutageReports } from '../../src/activities/outage-reports.ts'
import type { ReportContent, ShownStatus } from '../../src/activities/outage-reports.ts'
import type { Outage } from '../../src/activities/reconnect-window.ts'

const OUTAGE: Outage = { lostAt: 1_000, deadline: 3_601_000, lastAttemptAt: 1_000 }

/** The status as the workflow keeps it, taking each request ID once as Temporal does; and a way for an activity to report to it. */
function workflow() {
  let shown: ShownStatus = { asOf: 'start', connection: { source: { state: 'connected' }, target: { state: 'connected' } } }
  const taken: ReportContent[] = []
  const ids = new Set<string>()
  const send = async (report: ReportContent, requestId: string): Promise<void> => {
    if (ids.has(requestId)) return
    ids.add(requestId)
    taken.push(report)
    shown = { asOf: `after ${taken.length}`, connection: { ...shown.connection, ...report.connection } }
  }
  return { taken, shown: () => shown, reports: () => new OutageReports({ shown: async () => shown, send }) }
}

test('six activities that lose a server at once, try for hours and get it back, tell it in two signals', async () => {
  const flow = workflow()
  const activities = Array.from({ length: 6 }, () => flow.reports())
  const before = flow.shown()
  await Promise.all(activities.map((one, i) => one.lost('source', { ...OUTAGE, deadline: OUTAGE.deadline + i }, before)))
  for (let attempt = 0; attempt < 100; attempt++)
    for (const one of activities) await one.lost('source', { ...OUTAGE, lastAttemptAt: attempt }, flow.shown())
  assert.equal(flow.taken.length, 1)
  for (const one of activities) one.recovered('source')
  await Promise.all(activities.map((one) => one.flush()))
  assert.deepEqual(
    flow.taken.map(({ connection }) => connection?.source?.state),
    ['reconnecting', 'connected'],
  )
})

test('an outage is told again when it is shown no longer, or when its window began again', async () => {
  const flow = workflow()
  const [one, other] = [flow.reports(), flow.reports()]
  await one.lost('target', OUTAGE, flow.shown())
  other.recovered('target')
  await other.flush()
  assert.equal(flow.shown().connection.target.state, 'connected')
  await one.lost('target', { ...OUTAGE, lastAttemptAt: 5_000 }, flow.shown())
  assert.equal(flow.shown().connection.target.state, 'reconnecting')
  await one.lost('target', { ...OUTAGE, deadline: OUTAGE.deadline + 7_200_000 }, flow.shown())
  assert.equal(flow.shown().connection.target.deadline, new Date(OUTAGE.deadline + 7_200_000).toISOString())
})

test('the return of one side goes along with the loss of the other, or with any report; else it is told by itself', async () => {
  const flow = workflow()
  const one = flow.reports()
  await one.lost('source', OUTAGE, flow.shown())
  one.recovered('source')
  await one.lost('target', OUTAGE, flow.shown())
  assert.deepEqual(Object.keys(flow.taken[1]?.connection ?? {}), ['source', 'target'])
  one.recovered('target')
  assert.deepEqual(one.take(), { target: { state: 'connected' } })
  await one.flush()
  assert.equal(flow.taken.length, 2)
  one.recovered('target')
  await eventually('the report', 10, async () => flow.taken.length === 3)
  assert.equal(flow.shown().connection.target.state, 'connected')
})

test('a workflow that does not answer is told all the same', async () => {
  const sent: ReportContent[] = []
  const reports = new OutageReports({ shown: async () => undefined, send: async (report) => void sent.push(report) })
  await reports.lost('source', OUTAGE, undefined)
  await reports.lost('source', OUTAGE, undefined)
  reports.recovered('source')
  await reports.flush()
  assert.deepEqual(
    sent.map(({ connection }) => connection?.source?.state),
    ['reconnecting', 'reconnecting', 'connected'],
  )
})
