import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDemoOptions } from '../../demo/demo-options.ts'
import { EaseOff } from '../../demo/ease-off.ts'
import { progressKey, progressLine, progressLines } from '../../demo/progress.ts'
import type { Phase, Status } from '../../src/workflows/status.ts'

const EMPTY = { total: 0, items: [] }

function status(changes: Partial<Status>): Status {
  return {
    asOf: '2026-01-01T00:00:00.000Z',
    phase: 'full',
    state: 'running',
    undelayed: false,
    lag: null,
    slot: null,
    tables: { total: 25, copied: 5 },
    rows: '1234567',
    bytes: { total: '100000000', copied: '20000000' },
    rate: 0,
    eta: null,
    connection: { source: { state: 'connected' }, target: { state: 'connected' } },
    precheck: null,
    warnings: EMPTY,
    sequences: EMPTY,
    errors: EMPTY,
    ...changes,
  }
}

const progress = (changes: Partial<Status>, spent: readonly [Phase, number][] = []) => ({
  status: status(changes),
  spent: new Map(spent),
  writer: { commits: 1500, rate: 299.6 },
})

test('a terminal shows each phase, those behind with their time', () => {
  assert.deepEqual(progressLines(progress({ rate: 35_000, eta: 8 }, [['precheck', 1200]])), [
    '  ✔ Precheck                      1.2 s',
    '  ✔ Schema',
    '  ▶ Full data                            ████░░░░░░░░░░░░░░░░ 5 of 25 tables, 1,234,567 rows, 20.0 MB, 35,000 rows/s, 8 s left',
    '  · Foreign keys and triggers',
    '  · Incremental replication',
    '  · Cutover',
    '    Application: 1,500 commits, 300 a second',
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
  const [behind, undelayed] = [status({ phase: 'incremental' }), status({ phase: 'incremental', undelayed: true })]
  const due = [behind, behind, behind, undelayed, behind].map((now, i) => easeOff.isDue(now, i * 29_000))
  assert.deepEqual(due, [false, false, true, false, false])
})
