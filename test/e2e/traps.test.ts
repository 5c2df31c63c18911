// The traps of Temporal that change pgmove's design, each against a real server.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { WorkflowUpdateFailedError } from '@temporalio/client'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import { migrationActivity } from '../../src/activities/migration-activity.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { WORKER_OPTIONS } from '../../src/run-worker.ts'
import { payloadsOf } from '../history-payloads.ts'
import type { JsonEvent, JsonHistory } from '../history-payloads.ts'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration, TestMigration } from '../migration-run.ts'
import { ownWorkers } from '../own-workers.ts'
import { eventually } from '../servers.ts'
import { contents, smallPair } from '../small-source.ts'

const run = promisify(execFile)
const LIMIT = { timeout: 300_000 }

/** Above this size the server replaces a retryable failure by one without type (limit.mutableStateActivityFailureSize.error). */
const FAILURE_LIMIT = 4096

async function historyOf({ cli, address }: TestMigration, { workflowId }: RunningMigration): Promise<JsonHistory> {
  const args = ['workflow', 'show', '--address', address, '--workflow-id', workflowId, '--output', 'json']
  return JSON.parse((await run(cli, args, { maxBuffer: 1e8 })).stdout) as JsonHistory
}

/** The pending activity once it has failed `attempts` times. */
async function pendingAfter({ handle }: RunningMigration, attempts: number) {
  return eventually(`attempt ${attempts + 1}`, 60, async () => {
    const [pending] = (await handle.describe()).raw.pendingActivities ?? []
    return pending?.lastFailure && (pending.attempt ?? 0) > attempts ? { ...pending, lastFailure: pending.lastFailure } : undefined
  })
}

const eventsOf = ({ events }: JsonHistory, type: string): JsonEvent[] =>
  events.filter(({ eventType }) => eventType === `EVENT_TYPE_${type}`)

test('a migration whose stream is slow to end', LIMIT, async (t) => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  const seen: { appliers: number; slot: string | null | undefined }[] = []
  let appliers = 0
  const lingeringMs = 1_000
  await ownWorkers(migration, (real) => ({
    applyChanges: async (input) => {
      appliers++
      try {
        return await real.applyChanges(input)
      } finally {
        // Longer than a Workflow Task takes: a workflow that did not wait would be seen to go on.
        await pause(lingeringMs)
        appliers--
      }
    },
    takeMarker: async (input) => {
      const [row] = await source.sql('select active from pg_replication_slots where database = current_database()')
      // Those of the proof, at the end, are told to a stream that runs.
      if (input.cutover === undefined) seen.push({ appliers, slot: row?.['active'] })
      return real.takeMarker(input)
    },
  }))
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  const status = await running.status()
  const rejected = await Promise.allSettled([
    running.handle.executeUpdate('cutover', { args: [{ fence: 'unknown' }] }),
    running.handle.executeUpdate('abortCutover', { args: [] }),
  ])
  await running.signal('cutover')
  const report = await running.result()
  const history = await historyOf(migration, running)

  await t.test('the cutover begins when the stream has ended and its slot is free', () => {
    assert.ok(seen.length >= 2)
    for (const found of seen) assert.deepEqual(found, { appliers: 0, slot: 'f' })
  })

  await t.test('a cancel reaches the stream with its next heartbeat, within seconds', () => {
    assert.equal(WORKER_OPTIONS.maxHeartbeatThrottleInterval, '1 second')
    assert.equal(WORKER_OPTIONS.defaultHeartbeatThrottleInterval, '1 second')
    const [requested] = eventsOf(history, 'ACTIVITY_TASK_CANCEL_REQUESTED')
    const [ended] = eventsOf(history, 'ACTIVITY_TASK_CANCELED')
    assert.ok(requested && ended)
    const latency = Date.parse(ended.eventTime) - Date.parse(requested.eventTime) - lingeringMs
    // 0.8 of the heartbeat time-out, 8 s, is what the default throttle would make of it.
    assert.ok(latency < 5_000, `${latency} ms`)
  })

  await t.test('updates in the wrong phase or with a wrong argument are rejected by the validator, with the reason', () => {
    for (const result of rejected) {
      assert.ok(result.status === 'rejected' && result.reason instanceof WorkflowUpdateFailedError, JSON.stringify(result))
      const { cause } = result.reason
      assert.ok(cause instanceof ApplicationFailure)
      assert.equal(cause.type, 'Rejected')
      assert.ok(cause.message.length > 10)
    }
    assert.deepEqual(eventsOf(history, 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED'), [])
    // A validator that is not synchronous fails the Workflow Task instead.
    assert.deepEqual(eventsOf(history, 'WORKFLOW_TASK_FAILED'), [])
  })

  await t.test('every payload is JSON in which LSNs, counts of rows and bytes are strings and no number loses digits', () => {
    const payloads = payloadsOf(history)
    assert.ok(payloads.length > 50)
    for (const { event, encoding, text } of payloads) {
      assert.match(encoding, /^(json\/plain|binary\/null)$/, event)
      if (encoding === 'json/plain') assertStrings(JSON.parse(text), event)
    }
    for (const [name, value] of Object.entries({ status, report })) {
      assertStrings(value, name)
      assert.deepEqual(JSON.parse(JSON.stringify(value)), value)
    }
    assert.equal(typeof report.cutover?.lsn, 'string')
  })
})

/** Fails on a number that JSON can't carry, and on what must not be a number. */
function assertStrings(value: unknown, where: string, key = ''): void {
  if (typeof value === 'number') {
    assert.ok(Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER, `${where}: ${key} is ${value}`)
    assert.doesNotMatch(key, /lsn$|^(rows|bytes|total_bytes|xid|position|retainedBytes|catchUpTo)$/i, `${where}: ${key} is a number`)
    return
  }
  assert.ok(['string', 'boolean', 'object', 'undefined'].includes(typeof value), `${where}: ${key} is a ${typeof value}`)
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) assertStrings(inner, where, Array.isArray(value) ? key : name)
}

test('a source that is down shows as the pending activity of its kind, is tried on, and a cancel ends it', LIMIT, async () => {
  const { target } = await smallPair()
  const migration = await testMigration({ source: 'postgres://postgres@127.0.0.1:1/shop', target: target.url })
  await ownWorkers(migration, () => ({}))
  const running = await migration.start({ ignoreWarnings: true })
  // A delay of 0 between attempts would have ended them.
  const { lastFailure } = await pendingAfter(running, 2)
  assert.equal(lastFailure.applicationFailureInfo?.type, 'ConnectionLost')
  assert.ok(Buffer.byteLength(JSON.stringify(lastFailure)) < FAILURE_LIMIT)
  assert.equal((await running.status()).state, 'reconnecting')
  await running.handle.cancel()
  await assert.rejects(running.result())
  assert.equal((await running.handle.describe()).status.name, 'CANCELLED')
})

test('a failure keeps its type in the pending activity however long the error is', LIMIT, async () => {
  const migration = await testMigration({ source: 'postgres://postgres@127.0.0.1:1/shop', target: 'postgres://postgres@127.0.0.1:1/shop' })
  await ownWorkers(migration, (_real, services) => ({
    precheck: migrationActivity(services, async () => {
      const cause = Object.assign(new Error('c'.repeat(20_000)), { detail: 'd'.repeat(20_000), where: 'w'.repeat(20_000) })
      throw new MigrationError('LockTimeout', 'm'.repeat(20_000), { side: 'source', table: '"t"', cause })
    }),
  }))
  const running = await migration.start({ ignoreWarnings: true })
  const { lastFailure } = await pendingAfter(running, 2)
  assert.equal(lastFailure.applicationFailureInfo?.type, 'LockTimeout')
  assert.match(lastFailure.message ?? '', /^mmm/)
  assert.ok(Buffer.byteLength(JSON.stringify(lastFailure)) < FAILURE_LIMIT)
})

test('a cutover that is sent with the start itself is kept', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  const handle = await migration.client.workflow.signalWithStart('migrateDatabase', {
    taskQueue: migration.taskQueue,
    workflowId: migration.taskQueue,
    args: [{ source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, ddl: 'pause', ignoreWarnings: true }],
    signal: 'cutover',
    signalArgs: [],
  })
  await ownWorkers(migration, () => ({}))
  const report = (await handle.result()) as { cutover: unknown }
  assert.ok(report.cutover)
  assert.deepEqual(await contents(target), await contents(source))
})

test('a stream that loses its connection just when it is told to stop counts as stopped: a pause stays a pause', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  let lost = 0
  await ownWorkers(migration, (real) => ({
    applyChanges: async (input) => {
      try {
        return await real.applyChanges(input)
      } catch (error) {
        if (!(error instanceof CancelledFailure)) throw error
        lost++
        // Temporal does not retry an activity that was asked to cancel, so this error reaches the workflow.
        throw ApplicationFailure.create({ type: 'ConnectionLost', message: 'lost in the moment of the cancel', nonRetryable: false })
      }
    },
  }))
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await running.signal('pause')
  await eventually('the lost connection', 30, () => lost === 1)
  await running.reach('the pause', (s) => s.state === 'paused')
  await source.sql(`insert into customers (mail) values ('late@example.org')`)
  await running.signal('resume')
  await running.signal('cutover')
  const report = await running.result()
  assert.ok(report.cutover)
  assert.ok(lost >= 2, 'the cutover stopped the stream too')
  assert.deepEqual(await contents(target), await contents(source))
})
