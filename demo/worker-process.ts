import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { guardedChild } from '../dev/guarded-child.ts'
import { ownEnvironment } from '../dev/own-environment.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
/** The worker drains for up to 15 s. */
const PATIENCE_MS = 20_000

export interface WorkerProcess {
  /** Rejects when the worker ends without having been told to; never resolves. */
  readonly failure: Promise<never>
  /** Tells it to drain, and waits. Idempotent. */
  stop(): Promise<void>
}

/**
 * Starts a worker as a user does: `npm run worker` with Temporal's address and the databases' URLs in its environment.
 *
 * @param log file that gets what it prints
 */
export function startWorker(address: string, variables: Readonly<Record<string, string>>, log: string): WorkerProcess {
  const env = { ...ownEnvironment(), TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', ...variables }
  const child = guardedChild('npm', ['--prefix', PROJECT, 'run', 'worker'], { log, endSignal: 'SIGTERM', env })
  let stopping = false
  const failure = child.ended.then((code) => {
    if (stopping) return new Promise<never>(() => undefined)
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    throw new Error(`The worker ended (${code}). Its last words:\n${lines.slice(-12).join('\n')}`)
  })
  failure.catch(() => undefined)
  return {
    failure,
    stop: async () => {
      stopping = true
      await child.end('SIGTERM', PATIENCE_MS)
    },
  }
}
