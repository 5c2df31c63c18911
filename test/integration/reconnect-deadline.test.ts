import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Context } from '@temporalio/activity'
import { Client } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { freePort } from '../../dev/free-port.ts'
import { temporalTestServer } from '../../dev/temporal-test-server.ts'
import { PRODUCTION_SERVICES } from '../../src/activities/activity-run.ts'
import { createActivities } from '../../src/activities/create-activities.ts'
import { WORKER_OPTIONS } from '../../src/run-worker.ts'
import { workflowSource } from '../../src/workflow-bundle.ts'
import type { ConnectionAttempt, MigrationActivities } from '../../src/workflows/migration-activities.ts'
import type { Status } from '../../src/workflows/status.ts'
import { eventually, temporal, uniqueName } from '../servers.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LIMIT = { timeout: 120_000 }
const SPEC = { source: { env: 'S' }, target: { env: 'T' }, precheck: { wait: false } }

let skipping: TestWorkflowEnvironment

before(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  skipping = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await temporalTestServer() } },
  })
})
after(() => skipping.teardown())

const skippingServer = () => ({ client: skipping.client, connection: skipping.nativeConnection })

type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number]

interface Play {
  readonly handle: WorkflowHandle
  /** Runs a worker with these activities while `work` goes on. */
  readonly during: <T>(activities: Partial<MigrationActivities>, work: () => Promise<T>) => Promise<T>
}

async function play({ client, connection }: { client: Client; connection: NativeConnection }, spec: object): Promise<Play> {
  const taskQueue = uniqueName('window')
  const handle = await client.workflow.start('migrateDatabase', { taskQueue, workflowId: taskQueue, args: [spec] })
  return {
    handle,
    during: async (activities, work) => {
      const worker = await Worker.create({
        ...WORKER_OPTIONS,
        connection,
        taskQueue,
        activities: { findSearchAttributes: () => Promise.resolve(null), ...activities },
        ...(await workflowSource()),
      })
      return worker.runUntil(work)
    },
  }
}

/** A precheck whose attempts fail until `backAfterMs` after the first, each `delayMs` after the one before; it tells of loss and return as activities do. */
function precheckWithout(delayMs: number, backAfterMs: number): MigrationActivities['precheck'] {
  let lostAt = 0
  return async ({ ref }) => {
    const { client, info } = Context.current()
    const now = await skipping.currentTimeMs()
    const report = (source: Status['connection']['source']): Promise<void> =>
      client.workflow
        .getHandle(info.workflowExecution?.workflowId ?? '')
        .signal('report', { firstRunId: ref.firstRunId, at: new Date(now).toISOString(), connection: { source } })
    if (lostAt === 0) {
      lostAt = now
      await report({
        state: 'reconnecting',
        lostAt: new Date(now).toISOString(),
        deadline: new Date(now + 12 * HOUR).toISOString(),
      })
    }
    if (now - lostAt < backAfterMs) {
      throw ApplicationFailure.create({ type: 'ConnectionLost', message: 'refused', nextRetryDelay: delayMs })
    }
    await report({ state: 'connected' })
    return { status: 'Failed', items: [], id: '', verdict: 'wait' }
  }
}

/** The type that the workflow failed with, and how many milliseconds after the loss was told. By the history: the server skips more time when all is over. */
async function endOf(
  handle: WorkflowHandle,
): Promise<{ type: string | undefined; message: string; afterMs: number; events: HistoryEvent[] }> {
  const failure = await handle.result().then(
    () => assert.fail('it completed'),
    (error: Error) => error.cause as ApplicationFailure,
  )
  const { events } = await handle.fetchHistory()
  const all = events ?? []
  const told = all.find(({ workflowExecutionSignaledEventAttributes }) => workflowExecutionSignaledEventAttributes)
  const afterMs = timeOf(all.at(-1)) - timeOf(told)
  return { type: failure.type ?? undefined, message: failure.message, afterMs, events: all }
}

function timeOf(event: HistoryEvent | undefined): number {
  return Number(event?.eventTime?.seconds) * 1_000
}

/** Answers `attempts` one after the other. */
function attempting(...attempts: ConnectionAttempt[]): MigrationActivities['tryConnection'] & { asked: () => number } {
  let asked = 0
  const next = async (): Promise<ConnectionAttempt> => attempts[asked++] ?? assert.fail('one attempt too many')
  return Object.assign(next, { asked: () => asked })
}

test(
  'a source that is back after minutes: the deadline is forgotten, and the outage costs two signals and a timer, and no retry an event',
  LIMIT,
  async () => {
    const { handle, during } = await play(skippingServer(), SPEC)
    const tryConnection = attempting()
    const {
      type,
      afterMs,
      events: all,
    } = await during({ precheck: precheckWithout(20 * MINUTE, 40 * MINUTE), tryConnection }, () => endOf(handle))
    assert.equal(type, 'PrecheckFailed')
    assert.ok(afterMs >= 40 * MINUTE && afterMs < HOUR, `${afterMs} ms`)
    // Two signals with the three events of the workflow task that each begins, and a timer's start and end: 10 events.
    assert.equal(all.filter(({ workflowExecutionSignaledEventAttributes: signaled }) => signaled).length, 2)
    assert.equal(all.filter(({ timerStartedEventAttributes: started }) => started).length, 1)
    assert.equal(all.filter(({ timerCanceledEventAttributes: canceled }) => canceled).length, 1)
    const prechecks = all
      .filter(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'precheck')
      .map(({ eventId }) => eventId?.toString())
    const started = all.map(({ activityTaskStartedEventAttributes }) => activityTaskStartedEventAttributes?.scheduledEventId?.toString())
    assert.equal(prechecks.length, 1)
    assert.equal(started.filter((id) => id !== undefined && prechecks.includes(id)).length, 1)
  },
)

test('no activity comes to judge: at the deadline one attempt is made, and one that fails ends the migration', LIMIT, async () => {
  const { handle, during } = await play(skippingServer(), SPEC)
  const tryConnection = attempting({ reachable: false, expired: true, deadline: '', leftMs: 0, message: 'refused' })
  const { type, message, afterMs } = await during({ precheck: precheckWithout(720 * HOUR, 720 * HOUR), tryConnection }, () => endOf(handle))
  assert.equal(type, 'SourceUnreachable', message)
  assert.equal(tryConnection.asked(), 1)
  assert.ok(afterMs >= 12 * HOUR && afterMs < 12 * HOUR + 5 * MINUTE, `${afterMs} ms`)
})

test('a deadline that finds the server back fails nothing, nor does one that moves', LIMIT, async () => {
  const { handle, during } = await play(skippingServer(), SPEC)
  const deadline = new Date((await skipping.currentTimeMs()) + 24 * HOUR).toISOString()
  const tryConnection = attempting(
    { reachable: false, expired: false, deadline, leftMs: 12 * HOUR, message: 'refused' },
    { reachable: true },
  )
  const { type, afterMs } = await during({ precheck: precheckWithout(30 * HOUR, 30 * HOUR), tryConnection }, () => endOf(handle))
  assert.equal(type, 'PrecheckFailed')
  assert.equal(tryConnection.asked(), 2)
  assert.ok(afterMs >= 30 * HOUR, `${afterMs} ms`)
})

test('workers that are back after the deadline try first: the window begins again, whole, and keeps the first loss', LIMIT, async () => {
  const { address } = await temporal()
  const connection = await NativeConnection.connect({ address })
  const nobody = `postgres://postgres@127.0.0.1:${await freePort()}/nowhere`
  const spec = { source: { url: nobody }, target: { url: nobody }, reconnectWindow: '6s' }
  const { handle, during } = await play({ client: new Client({ connection }), connection }, spec)
  const outage = async (): Promise<Status['connection']['source'] | undefined> => {
    const { connection: sides } = await handle.query<Status>('status')
    return [sides.source, sides.target].find(({ state }) => state === 'reconnecting')
  }
  try {
    const activities = createActivities({ ...PRODUCTION_SERVICES, absenceMs: 5_000 })
    const first = await during(activities, () => eventually('the loss', 30, outage))
    await eventually('the deadline to have passed', 30, async () => Date.now() > Date.parse(first.deadline ?? '') + 1_000)
    const moved = await during(activities, () =>
      eventually('the new window', 30, async () => {
        const now = await outage()
        return now?.deadline === first.deadline ? undefined : now
      }),
    )
    assert.equal(moved.lostAt, first.lostAt)
    assert.ok(Date.parse(moved.deadline ?? '') - Date.parse(first.deadline ?? '') > 6_000)
    assert.equal((await handle.describe()).status.name, 'RUNNING')
    // Attempts are made now, and up to the new deadline.
    const { type } = await during({ ...activities, putTargetBack: async () => ({ left: [] }) }, () => endOf(handle))
    assert.match(type ?? '', /^(Source|Target)Unreachable$/)
  } finally {
    await handle.terminate().catch(() => undefined)
    await connection.close()
  }
})
