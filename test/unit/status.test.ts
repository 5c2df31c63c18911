import assert from 'node:assert/strict'
import test from 'node:test'
import { applyReport, enterPhase, initialState, statusOf } from '../../src/workflows/migration-state.ts'

const START = Date.UTC(2026, 0, 2, 3, 4, 5)

test('the status names what is copied and built, while tables are copied', () => {
  const state = initialState(START)
  enterPhase(state, 'full', START + 1000)
  const copying = [{ table: 'a.b', rows: '1', bytes: '2', total: '3', rate: null }]
  const building = [{ table: 'a.b', index: null, phase: 'initializing', percent: null }]
  applyReport(state, { firstRunId: '', at: '2026-01-02T03:04:07.000Z', copying, building })
  const status = statusOf(state)
  assert.deepEqual([status.copying, status.building], [copying, building])
  assert.deepEqual([status.durations, status.phaseStartedAt], [{ precheck: 1000 }, '2026-01-02T03:04:06.000Z'])
  enterPhase(state, 'constraints', START + 5000)
  const later = statusOf(state)
  assert.deepEqual([later.copying, later.building, later.durations], [[], [], { precheck: 1000, full: 4000 }])
  state.copyingAgain = true
  assert.deepEqual(statusOf(state).copying, copying)
  assert.match(statusOf(state).warnings.items.join(), /A table is copied again .* A cutover waits for it/)
})

test('the status shows a fence that stands', () => {
  const state = initialState(START)
  assert.equal(statusOf(state).fence, null)
  state.fence = { statements: ['alter database a reset all'] }
  assert.deepEqual(statusOf(state).fence, state.fence)
})
