import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { after } from 'node:test'
import { Client, Connection } from '@temporalio/client'
import type { WorkflowHandle } from '@temporalio/client'
import { guardedChild } from '../dev/guarded-child.ts'
import type { GuardedChild } from '../dev/guarded-child.ts'
import type { Status } from '../src/workflows/status.ts'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import { eventually, temporal, uniqueName } from './servers.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const closers: (() => Promise<void>)[] = []

after(async () => {
  for (const close of closers.reverse()) await close()
})

/** A worker process as a user starts it, on a task queue of its own. */
export interface WorkerProcess {
  readonly child: GuardedChild
  log(): Promise<string>
  /** SIGKILL to the process group: nothing is cleaned up. */
  kill(): Promise<void>
  /** SIGTERM; resolves to the exit code. */
  drain(): Promise<void>
}

export interface TestMigration {
  readonly client: Client
  readonly address: string
  readonly cli: string
  readonly taskQueue: string
  /** Environment that workers of this migration get: where they find the databases. */
  readonly env: Record<string, string>
  worker(extra?: Record<string, string>, entry?: string): Promise<WorkerProcess>
  start(spec: Record<string, unknown>, carried?: Record<string, unknown>): Promise<RunningMigration>
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

/** Temporal (the shared one unless a test has its own), a task queue and the references by which workers find the two databases. */
export async function testMigration(
  urls: { source: string; target: string },
  own?: { readonly address: string; readonly cli: string },
): Promise<TestMigration> {
  const { address, cli } = own ?? (await temporal())
  const connection = await Connection.connect({ address })
  closers.push(() => connection.close())
  const client = new Client({ connection })
  const taskQueue = uniqueName('queue')
  const env = { TEMPORAL_ADDRESS: address, PGMOVE_TASK_QUEUE: taskQueue, TEST_SOURCE: urls.source, TEST_TARGET: urls.target }
  return {
    client,
    address,
    cli,
    taskQueue,
    env,
    worker: (extra = {}, entry = 'src/worker.ts') => startWorker({ ...env, ...extra }, entry),
    start: async (spec, carried) => {
      const workflowId = uniqueName('migration')
      const input = { source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, ddl: 'pause', ...spec }
      const handle = await client.workflow.start('migrateDatabase', { taskQueue, workflowId, args: carried ? [input, carried] : [input] })
      const running = runningMigration(handle, workflowId, handle.firstExecutionRunId)
      closers.push(async () => {
        await handle.terminate('the test is over').catch(() => undefined)
      })
      return running
    },
  }
}

async function startWorker(env: Record<string, string>, entry: string): Promise<WorkerProcess> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-worker-'))
  const log = path.join(folder, 'log')
  const child = guardedChild(process.execPath, ['--max-semi-space-size=4', 'src/start-worker.mjs', entry], {
    log,
    env: { ...process.env, ...env },
    cwd: PROJECT,
    endSignal: 'SIGKILL',
  })
  closers.push(async () => {
    await child.end('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  })
  return {
    child,
    log: () => readFile(log, 'utf8'),
    kill: () => child.end('SIGKILL'),
    drain: () => child.end('SIGTERM'),
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
