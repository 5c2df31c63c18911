import assert from 'node:assert/strict'
import test from 'node:test'
import { currentDetails } from '../../src/workflows/current-details.ts'
import { addError, initialState } from '../../src/workflows/migration-state.ts'
import type { MigrationState } from '../../src/workflows/migration-state.ts'

const stateWith = (parts: Partial<MigrationState>): MigrationState => ({ ...initialState(Date.UTC(2026, 2, 4, 5, 6, 7)), ...parts })

test('state, phase and the next command stand in the details', () => {
  const text = currentDetails(stateWith({ phase: 'incremental', undelayed: true, lag: { bytes: '0', seconds: 0.1 } }), 'shop')
  assert.match(text, /^\*\*Running\*\* in phase \*\*Incremental replication\*\*, as of 2026-03-04 05:06:07 UTC/)
  assert.match(text, /✓ Full data → .*\*\*▶ Incremental replication\*\* → Cutover → Done/)
  assert.match(text, /```\ntemporal workflow signal --workflow-id shop --name cutover\n```/)
})

test('a wait comes with its message, once, and with resume', () => {
  const state = stateWith({ phase: 'incremental', waits: [{ kind: 'UnsupportedDdl', message: 'A column is new.' }] })
  addError(state, { at: state.asOf, type: 'UnsupportedDdl', message: 'A column is new.' })
  const text = currentDetails(state, "it's")
  assert.equal(text.split('A column is new.').length, 2)
  assert.match(text, /--workflow-id 'it'\\''s' --name resume/)
})

test('a precheck that waits is run again by its own signal, which accepts warnings where nothing has failed', () => {
  const waits = [{ kind: 'PrecheckFailed', message: 'The precheck did not pass.' }]
  const of = (status: 'Failed' | 'Warning') => currentDetails(stateWith({ waits, precheck: { status, items: [] } }), 'shop')
  for (const status of ['Failed', 'Warning'] as const) assert.match(of(status), /--name rerunPrecheck\n/)
  assert.doesNotMatch(of('Failed'), /ignoreWarnings|resume/)
  assert.match(of('Warning'), /--name rerunPrecheck --input '\{"ignoreWarnings":true\}'\n/)
})

test('an outage says since when and until when, and that there is nothing to do', () => {
  const source = { state: 'reconnecting', lostAt: '2026-03-04T05:00:00.000Z', deadline: '2026-03-04T17:00:00.000Z' } as const
  const text = currentDetails(stateWith({ source, phase: 'incremental' }), 'shop')
  assert.doesNotMatch(text, /cutover/)
  assert.match(text, /\*\*The source can't be reached\*\* since 2026-03-04 05:00:00 UTC; pgmove tries until 2026-03-04 17:00:00 UTC/)
})

test('long lists are cut, so that the details stay small', () => {
  const warnings = Array.from({ length: 60 }, (_, i) => `warning ${i}`)
  const text = currentDetails(stateWith({ warnings }), 'shop')
  assert.match(text, /and 50 more/)
  assert.ok(Buffer.byteLength(text) < 4_000)
})

test('while rows are copied the largest tables and the indexes that are built are shown', () => {
  const copying = [{ table: 'shop.orders', rows: '70', bytes: '4200', total: '10000', rate: 41.6 }]
  const building = [{ table: 'shop.users', index: 'users_pkey', phase: 'building index: scanning table', percent: 30 }]
  const parts = { bytes: { total: '20000', copied: '8000' }, rate: 12, eta: 300, copying, building }
  const text = currentDetails(stateWith({ phase: 'full', ...parts }), 'shop')
  assert.match(
    text,
    /- `████████░{12}` 40 %\n- Tables copied: .*\n- Rows copied: .*\n- Copied: 8.0 kB of about 20.0 kB, at 12 rows\/s\n- Time left: about 5 min/,
  )
  assert.match(text, /- `████████░{12}` 42 % `shop.orders`: 70 rows, 4.2 kB of about 10.0 kB, at 42 bytes\/s, about 2 min 19 s left/)
  assert.match(text, /- `users_pkey` of `shop.users`: building index: scanning table, 30 %/)
  assert.doesNotMatch(currentDetails(stateWith({ phase: 'incremental', ...parts }), 'shop'), /shop\.orders|users_pkey/)
})
