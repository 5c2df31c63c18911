import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDemoOptions } from '../../demo/demo-options.ts'
import { EaseOff } from '../../demo/ease-off.ts'
import { progressKey, progressLine, progressLines } from '../../demo/progress.ts'
import { styleFor } from '../../src/cli/style.ts'
import type { Status } from '../../src/workflows/status.ts'
import { sampleStatus } from '../sample-status.ts'

const progress = (changes: Partial<Status>) => ({ status: sampleStatus(changes), writer: { commits: 1500, rate: 299.6 } })

test('a terminal shows each phase with its time, the tables in flight, and the application', () => {
  const page = { style: styleFor('never', false, {}), width: 120 }
  const copying = [{ table: 'shop.orders', rows: '70', bytes: '4200', total: '10000', rate: 58 }]
  const changes = { rate: 35_000, eta: 8, durations: { precheck: 1200, schema: 900 }, phaseStartedAt: '2026-01-02T03:04:05.000Z', copying }
  assert.deepEqual(progressLines(progress(changes), page, Date.UTC(2026, 0, 2, 3, 4, 9)), [
    '  ✔ Precheck                          1.2 s',
    '  ✔ Schema                            0.9 s',
    '  ▶ Full data                         4.0 s  ████░░░░░░░░░░░░░░░░ 5 of 25 tables, 1,234,567 rows, 20.0 MB, 35,000 rows/s, 8.0 s left',
    '  · Foreign keys and triggers',
    '  · Incremental replication',
    '  · Cutover',
    '  shop.orders  ████████▍░░░░░░░░░░░  42 %  4.2 kB of 10.0 kB  70 rows  58 bytes/s  1 min 40 s left',
    '  Application: 1,500 commits, 300 a second',
  ])
})

test('a log gets one line, and only when something changed', () => {
  const first = progress({})
  assert.equal(progressLine(first), 'full, 5 of 25 tables, 1,234,567 rows, 20.0 MB, application: 1,500 commits')
  assert.equal(progressKey(first), progressKey(progress({ rows: '2000000', tables: { total: 25, copied: 6 } })))
  assert.notEqual(progressKey(first), progressKey(progress({ tables: { total: 25, copied: 10 } })))
  assert.notEqual(progressKey(first), progressKey(progress({ state: 'paused' })))
})

test('a wait is shown with its reason', () => {
  const error = { at: '', type: 'OutOfResources', message: 'The disk is full.' }
  const line = progressLine(progress({ phase: 'incremental', state: 'waiting', errors: { total: 1, items: [error] } }))
  assert.match(line, /waiting for you: OutOfResources: The disk is full\.$/)
})

test('without a terminal the demo ends by itself', () => {
  assert.equal(parseDemoOptions([], true)?.exit, false)
  assert.equal(parseDemoOptions([], false)?.exit, true)
  assert.equal(parseDemoOptions(['--help'], true), undefined)
  assert.throws(() => parseDemoOptions(['--scale', '0'], true), /--scale is "0"/)
})

test('the application slows down for every 30 s in which the target does not catch up', () => {
  const easeOff = new EaseOff()
  const [behind, undelayed] = [sampleStatus({ phase: 'incremental' }), sampleStatus({ phase: 'incremental', undelayed: true })]
  const due = [behind, behind, behind, undelayed, behind].map((now, i) => easeOff.isDue(now, i * 29_000))
  assert.deepEqual(due, [false, false, true, false, false])
})
