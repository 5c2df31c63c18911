import { setTimeout as delay } from 'node:timers/promises'
import { MigrationError } from '../errors/migration-error.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000

/**
 * Runs `attempt` until no lock stands in its way: whatever fails with `LockTimeout` is tried again, with growing pauses in
 * which the application gets through. `onLocked` may look who stands there. Ends with the signal's reason.
 */
export async function retryOnLock<T>(signal: AbortSignal, attempt: () => Promise<T>, onLocked?: () => Promise<void>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof MigrationError) || error.kind !== 'LockTimeout') throw error
    }
    await onLocked?.()
    await pause(pauseMs, signal)
  }
}

/** Waits; ends with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
  signal.throwIfAborted()
}
