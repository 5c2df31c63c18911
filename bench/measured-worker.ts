import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventually } from '../dev/eventually.ts'
import { guardedChild } from '../dev/guarded-child.ts'
import { ownEnvironment } from '../dev/own-environment.ts'
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '../src/worker-command.mjs'
import { cpuSeconds } from './cpu-seconds.ts'
import { PeakMemory } from './peak-memory.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const PATIENCE_MS = 20_000

export interface MeasuredWorker {
  readonly memory: PeakMemory
  /** CPU time since it began, in seconds (Linux). */
  cpuSeconds(): number
  /** Resolves when it polls for work. */
  running(): Promise<void>
  /** Fails if the worker ended by itself. */
  check(): void
  stop(): Promise<void>
}

/**
 * Starts a worker as the one process that `npm run worker` becomes, and watches its memory.
 *
 * @param env what it gets beside the caller's environment
 * @param log file that gets what it prints
 */
export function startMeasuredWorker(env: Readonly<Record<string, string>>, log: string): MeasuredWorker {
  writeFileSync(log, '')
  const child = guardedChild(process.execPath, [...WORKER_FLAGS, 'src/start-worker.mjs'], {
    log,
    cwd: PROJECT,
    endSignal: 'SIGKILL',
    env: { ...ownEnvironment(), ...WORKER_ENVIRONMENT, ...env },
  })
  const memory = new PeakMemory(child.pid)
  return {
    memory,
    cpuSeconds: () => cpuSeconds(child.pid),
    running: async () => {
      await eventually('the worker', 60, () => readFileSync(log, 'utf8').includes("state: 'RUNNING'"))
    },
    check: () => {
      if (!child.running) throw new Error(`The worker ended. Its last words:\n${lastLines(log)}`)
    },
    stop: async () => {
      memory.stop()
      await child.end('SIGTERM', PATIENCE_MS)
    },
  }
}

function lastLines(log: string): string {
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n') : ''
}
