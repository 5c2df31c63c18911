/** Limits per second; null is none. */
export interface TransferShare {
  readonly bytes: number | null
  readonly rows: number | null
}

const LONGEST_SLEEP_MS = 250
/** What may pass at once after a rest, in seconds of the limit. */
const BURST_SECONDS = 0.1

/**
 * Holds copies to a rate by what has passed already: what is too much is a debt that time pays off at the limit that holds now, so
 * that a new limit takes effect while a copy waits. All sessions of one activity share it.
 */
export class TransferLimit {
  readonly #now: () => number
  #share: TransferShare = { bytes: null, rows: null }
  #debt = { bytes: 0, rows: 0 }
  #settledAt: number
  #closed = false

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#settledAt = now()
  }

  set(share: TransferShare): void {
    this.#settle()
    this.#share = share
  }

  /** Lets everybody go. */
  close(): void {
    this.#closed = true
  }

  /** Milliseconds until what has passed is within the limit; 0 if it is. */
  get waitMs(): number {
    this.#settle()
    const of = (debt: number, perSecond: number | null): number => (perSecond === null ? 0 : Math.max(0, (1000 * debt) / perSecond))
    return Math.max(of(this.#debt.bytes, this.#share.bytes), of(this.#debt.rows, this.#share.rows))
  }

  /** Counts what has passed; a promise if the next piece must wait. */
  take(bytes: number, rows: number): Promise<void> | undefined {
    this.#settle()
    this.#debt.bytes += bytes
    this.#debt.rows += rows
    return this.waitMs > 0 ? this.#wait() : undefined
  }

  async #wait(): Promise<void> {
    for (let ms = this.waitMs; ms > 0 && !this.#closed; ms = this.waitMs) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, LONGEST_SLEEP_MS)))
    }
  }

  #settle(): void {
    const now = this.#now()
    const seconds = (now - this.#settledAt) / 1000
    this.#settledAt = now
    const paid = (debt: number, perSecond: number | null): number =>
      perSecond === null ? 0 : Math.max(-BURST_SECONDS * perSecond, debt - seconds * perSecond)
    this.#debt = { bytes: paid(this.#debt.bytes, this.#share.bytes), rows: paid(this.#debt.rows, this.#share.rows) }
  }
}
