import { readFile } from 'node:fs/promises'
import { Client, Connection } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import type { Status } from '../src/workflows/status.ts'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import { atEnd, eventually, sharedWorker, temporal, uniqueName } from './servers.ts'
import type { SharedTemporal } from './server-registry.ts'
import { startWorker } from './worker-process.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A migration on the shared worker. */
export interface SharedMigration {
  readonly client: Client
  readonly address: string
  readonly cli: string
  readonly taskQueue: string
  /** What a spec says of the two databases. */
  readonly connections: { readonly source: Record<string, string>; readonly target: Record<string, string> }
  start(spec: Record<string, unknown>, carried?: Record<string, unknown>): Promise<RunningMigration>
}

/** A migration on a task queue of its own. */
export interface TestMigration extends SharedMigration {
  /** Environment that workers of this migration get: where they find the databases. */
  readonly env: Record<string, string>
  /** Starts a worker. */
  worker(extra?: Record<string, string>, entry?: string): Promise<WorkerProcess>
}

export interface RunningMigration {
  readonly handle: WorkflowHandle
  readonly workflowId: string
  readonly firstRunId: string
  status(): Promise<Status>
  /** Polls `status` until `done`; fails after `seconds`, or at once when the workflow waits or ends unexpectedly and `done` is false. */
  reach(what: string, done: (status: Status) => boolean, seconds?: number): Promise<Status>
  signal(name: string, argument?: unknown): Promise<void>
  result(): Promise<MigrationReport>
}

/** A migration that the worker of the whole run works on: quicker than one with a worker of its own, for tests that do nothing to workers. */
export async function sharedMigration(urls: {
  source: string
  target: string
}): Promise<SharedMigration & { workerLog(): Promise<string> }> {
  const { taskQueue, logFile } = await sharedWorker()
  const migration = await migrationOn(await temporal(), taskQueue, { source: { url: urls.source }, target: { url: urls.target } })
  return { ...migration, workerLog: () => readFile(logFile, 'utf8') }
}

/** Temporal (the shared one unless a test has its own), a task queue and the references by which workers find the two databases. */
export async function testMigration(
  urls: { source: string; target: string },
  own?: { readonly address: string; readonly cli: string },
): Promise<TestMigration> {
  const { address, cli } = own ?? (await temporal())
  const taskQueue = uniqueName('queue')
  const env = { TEMPORAL_ADDRESS: address, PGMOVE_TASK_QUEUE: taskQueue, TEST_SOURCE: urls.source, TEST_TARGET: urls.target }
  const migration = await migrationOn({ address, cli }, taskQueue, { source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' } })
  return {
    ...migration,
    env,
    worker: async (extra = {}, entry) => {
      const worker = await startWorker({ ...process.env, ...env, ...extra }, entry)
      atEnd(() => worker.close())
      return worker
    },
  }
}

async function migrationOn(
  { address, cli }: SharedTemporal,
  taskQueue: string,
  connections: SharedMigration['connections'],
): Promise<SharedMigration> {
  const connection = await Connection.connect({ address })
  atEnd(() => connection.close())
  const client = new Client({ connection })
  return {
    client,
    address,
    cli,
    taskQueue,
    connections,
    start: async (spec, carried) => {
      const workflowId = uniqueName('migration')
      const input = { ...connections, ddl: 'pause', ...spec }
      const handle = await client.workflow.start('migrateDatabase', { taskQueue, workflowId, args: carried ? [input, carried] : [input] })
      const running = runningMigration(handle, workflowId, handle.firstExecutionRunId)
      atEnd(() => handle.terminate('the test is over').catch(() => undefined))
      return running
    },
  }
}

function runningMigration(handle: WorkflowHandle, workflowId: string, firstRunId: string): RunningMigration {
  const status = (): Promise<Status> => handle.query<Status>('status')
  return {
    handle,
    workflowId,
    firstRunId,
    status,
    reach: async (what, done, seconds = 90) => {
      let last: Status | undefined
      try {
        return await eventually(what, seconds, async () => {
          last = await status().catch(() => undefined)
          if (last && done(last)) return last
          if (last?.state === 'waiting' || last?.state === 'failed')
            throw new Error(`${what}: the migration is ${last.state}: ${describe(last)}`)
          return undefined
        })
      } catch (error) {
        throw new Error(`${(error as Error).message}; last status: ${describe(last)}`, { cause: error })
      }
    },
    signal: (name, argument) => handle.signal(name, ...(argument === undefined ? [] : [argument])),
    result: () => handle.result() as Promise<MigrationReport>,
  }
}

function describe(status: Status | undefined): string {
  if (!status) return 'none'
  const { phase, state, errors, tables, lag, connection, precheck } = status
  const failed = precheck?.items.filter((item) => item.status !== 'Passed').map(({ name, found }) => ({ name, found }))
  return JSON.stringify({
    phase,
    state,
    errors: errors.items.slice(-3),
    tables,
    lag,
    connection,
    failed: phase === 'precheck' ? failed : undefined,
  })
}
