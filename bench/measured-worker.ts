import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { guardedChild } from '../dev/guarded-child.ts'
import { ownEnvironment } from '../dev/own-environment.ts'
import { cpuSeconds } from './cpu-seconds.ts'
import { PeakMemory } from './peak-memory.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const PATIENCE_MS = 20_000

export interface MeasuredWorker {
  readonly memory: PeakMemory
  /** CPU time since it began, in seconds (Linux). */
  cpuSeconds(): number
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
  const child = guardedChild(process.execPath, workerArguments(), {
    log,
    cwd: PROJECT,
    endSignal: 'SIGKILL',
    env: { ...ownEnvironment(), ...env },
  })
  const memory = new PeakMemory(child.pid)
  return {
    memory,
    cpuSeconds: () => cpuSeconds(child.pid),
    check: () => {
      if (!child.running) throw new Error(`The worker ended. Its last words:\n${lastLines(log)}`)
    },
    stop: async () => {
      memory.stop()
      await child.end('SIGTERM', PATIENCE_MS)
    },
  }
}

/** What stands after `exec node` in the script. */
function workerArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { scripts: { worker: string } }
  return scripts.worker.replace(/^exec node /, '').split(' ')
}

function lastLines(log: string): string {
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n') : ''
}
