import type { Status } from '../src/workflows/status.ts'

const PATIENCE_MS = 30_000

/**
 * Tells when the application is to slow down: a busy machine may replicate more slowly than it writes, and the demo would never end. True once
 * for each 30 s in which the target has not caught up.
 */
export class EaseOff {
  #since: number | undefined

  isDue({ phase, state, undelayed }: Pick<Status, 'phase' | 'state' | 'undelayed'>, now: number): boolean {
    if (phase !== 'incremental' || state !== 'running' || undelayed) {
      this.#since = undefined
      return false
    }
    this.#since ??= now
    if (now - this.#since < PATIENCE_MS) return false
    this.#since = now
    return true
  }
}
