import type { Status } from '../src/workflows/status.ts'

/** A migration that copies its tables, or whatever `changes` make of it. */
export function sampleStatus(changes: Partial<Status> = {}): Status {
  const nothing = { total: 0, items: [] }
  return {
    asOf: '2026-01-02T03:04:05.000Z',
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
    warnings: nothing,
    sequences: nothing,
    errors: nothing,
    ...changes,
  }
}
