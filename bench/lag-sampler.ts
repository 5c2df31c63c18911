import { setTimeout as pause } from 'node:timers/promises'
import type { Session } from '../demo/session.ts'

/** How often the replica is looked at. A lag counts up to the look that shows the row, so it is up to this much too long. */
const LOOK_MS = 10
/** Rows commit in another order than they take their numbers: a look goes back by so many. */
const OUT_OF_ORDER = 5000

/** Watches the rows of `public.beat` appear on a replica. */
export class LagSampler {
  readonly #session: Session
  readonly #seen = new Set<number>()
  #highest: number
  #lags: number[] = []
  #ended = false
  #running: Promise<void> = Promise.resolve()

  private constructor(session: Session, highest: number) {
    this.#session = session
    this.#highest = highest
  }

  /** Rows up to number `after` don't count. */
  static start(session: Session, after: number): LagSampler {
    const sampler = new LagSampler(session, after)
    sampler.#running = sampler.#run(after)
    return sampler
  }

  /** How many rows have appeared. */
  get count(): number {
    return this.#lags.length
  }

  /** Milliseconds from each row's writing to its appearance, in the order of appearance. */
  async stop(): Promise<number[]> {
    this.#ended = true
    await this.#running
    return this.#lags
  }

  async #run(after: number): Promise<void> {
    while (!this.#ended) {
      const from = Math.max(after, this.#highest - OUT_OF_ORDER)
      const rows = await this.#session.query(
        `select id::text, (extract(epoch from clock_timestamp() - at) * 1000)::text as lag from public.beat where id > $1`,
        [String(from)],
      )
      for (const { id, lag } of rows) {
        const number = Number(id)
        if (this.#seen.has(number)) continue
        this.#seen.add(number)
        this.#lags.push(Number(lag))
        this.#highest = Math.max(this.#highest, number)
      }
      await pause(LOOK_MS)
    }
  }
}

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
