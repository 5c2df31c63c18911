import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { guardedChild } from '../dev/guarded-child.ts'
import type { GuardedChild } from '../dev/guarded-child.ts'
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '../src/worker-command.mjs'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

/** A worker process as a user starts it. */
export interface WorkerProcess {
  readonly child: GuardedChild
  readonly logFile: string
  log(): Promise<string>
  /** SIGKILL to the process group: nothing is cleaned up. */
  kill(): Promise<void>
  /** SIGTERM; resolves to the exit code. */
  drain(): Promise<void>
  /** Drains it and removes its log. */
  close(): Promise<void>
}

/** @param entry as `npm run worker` takes it; default: the worker's own */
export async function startWorker(env: NodeJS.ProcessEnv, entry = 'src/worker.ts'): Promise<WorkerProcess> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-worker-'))
  const log = path.join(folder, 'log')
  const child = guardedChild(process.execPath, [...WORKER_FLAGS, 'src/start-worker.mjs', entry], {
    log,
    env: { ...env, ...WORKER_ENVIRONMENT },
    cwd: PROJECT,
    endSignal: 'SIGKILL',
  })
  return {
    child,
    logFile: log,
    log: () => readFile(log, 'utf8'),
    kill: () => child.end('SIGKILL'),
    drain: () => child.end('SIGTERM'),
    close: async () => {
      await child.end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
