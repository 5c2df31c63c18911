import { setTimeout as delay } from 'node:timers/promises'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { PerMigration } from './per-migration.ts'

/** Between two attempts to reach a side that is away. */
export const PACE_MS = 1_000
const KEPT = 200

/** The paces of this worker process, by migration and side. */
const known = new PerMigration<ConnectionPace>(KEPT)

/** The one that all activities of the migration `id` keep to on a side, in this worker process. */
export function connectionPace(id: string, side: Side): ConnectionPace {
  return known.get(`${id} ${side}`, () => new ConnectionPace())
}

/**
 * Keeps many activities from hammering a server that is away: from the loss of a connection until one is made again, one of them
 * tries at a time, at most once a second, and what it comes to holds for all. Several workers share the second.
 */
export class ConnectionPace {
  #away = false
  #workers = 1
  #attemptedAt = Number.NEGATIVE_INFINITY
  /** Resolves to the failure of the attempt under way, to nothing if the next is to try by itself. */
  #trying: Promise<MigrationError | undefined> | undefined

  /** A session was lost, or could not be made: as long as nobody succeeds the server is taken to be away. */
  lost(): void {
    this.#away = true
  }

  get away(): boolean {
    return this.#away
  }

  /** How many workers try to reach the server. */
  shareAmong(workers: number): void {
    this.#workers = Math.max(1, workers)
  }

  /** Makes a connection when it is time to. Fails as `attempt` does, or with the `ConnectionLost` of another one's; with the reason of `signal`. */
  async reach<T>(attempt: () => Promise<T>, signal: AbortSignal, paceMs = PACE_MS): Promise<T> {
    while (this.#away) {
      signal.throwIfAborted()
      if (!this.#trying) return this.#try(attempt, signal, paceMs)
      const failure = await unlessAborted(this.#trying, signal)
      if (failure) throw failure
    }
    return this.#judged(attempt, signal)
  }

  async #try<T>(attempt: () => Promise<T>, signal: AbortSignal, paceMs: number): Promise<T> {
    let tell: (failure?: MigrationError) => void = () => undefined
    this.#trying = new Promise((resolve) => (tell = resolve))
    try {
      const due = this.#attemptedAt + paceMs * this.#workers
      await delay(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined)
      signal.throwIfAborted()
      const result = await this.#judged(attempt, signal)
      tell()
      return result
    } catch (error) {
      tell(!signal.aborted && isLoss(error) ? error : undefined)
      throw error
    } finally {
      this.#trying = undefined
    }
  }

  async #judged<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    this.#attemptedAt = performance.now()
    try {
      const result = await attempt()
      this.#away = false
      // Only attempts in vain are to be spaced.
      this.#attemptedAt = Number.NEGATIVE_INFINITY
      return result
    } catch (error) {
      // Any other answer is an answer.
      if (!signal.aborted) this.#away = isLoss(error)
      throw error
    }
  }
}

function isLoss(error: unknown): error is MigrationError {
  return error instanceof MigrationError && error.kind === 'ConnectionLost'
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
