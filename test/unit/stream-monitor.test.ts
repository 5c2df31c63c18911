import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { eventually } from '../../dev/eventually.ts'
import type { ActivityRun } from '../../src/activities/activity-run.ts'
import { StreamMonitor } from '../../src/activities/stream-monitor.ts'
import type { Database } from '../../src/postgres/connect.ts'
import type { MigrationRecord } from '../../src/state/migration-record.ts'

test('the heartbeat leaves no listener behind, however long the stream runs', async () => {
  let beats = 0
  const database = { query: async () => [{ beat: String(++beats) }] } as unknown as Database
  const run = {
    id: '0123456789abcdef',
    services: { now: Date.now },
    spec: { lag: { heartbeatMs: 1, undelayedMs: 10_000 } },
    connect: async () => database,
    close: async () => undefined,
  } as unknown as ActivityRun
  const monitor = new StreamMonitor(run, database, { slot: 's' } as MigrationRecord, { catchingUp: true, undelayedMs: 10_000 })
  monitor.start()
  await eventually('30 beats', 10, () => beats > 30)
  assert.ok(getEventListeners(monitor.signal, 'abort').length <= 1)
  await monitor.stop()
  monitor.throwIfFailed()
})
