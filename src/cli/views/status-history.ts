import type { Status } from '../../workflows/status.ts'

/** Width of one value of the chart. */
const BUCKET_MS = 5000
const BUCKETS = 120
/** Over which time the rate of bytes is taken. */
const RATE_MS = 30_000

/** What a watcher remembers of the statuses that it has seen: for charts and rates. */
export class StatusHistory {
  #lags: (number | null)[] = []
  #bucket = 0
  #bytes: { readonly at: number; readonly copied: number }[] = []

  /** Seconds of lag, one value for every 5 s, newest last: the highest that was seen; null where none was known. */
  get lags(): readonly (number | null)[] {
    return this.#lags
  }

  /** Bytes per second that were copied lately; undefined if that can't be told. */
  get byteRate(): number | undefined {
    const [first, last] = [this.#bytes[0], this.#bytes.at(-1)]
    return first && last && last.at > first.at ? (last.copied - first.copied) / ((last.at - first.at) / 1000) : undefined
  }

  /**
   * Remembers a status, or that there was none.
   *
   * @param now milliseconds since 1970
   */
  add(status: Status | undefined, now: number): void {
    this.#addLag(status?.lag?.seconds ?? null, Math.floor(now / BUCKET_MS))
    if (status) this.#addBytes(status)
  }

  #addLag(seconds: number | null, bucket: number): void {
    if (this.#lags.length === 0 || bucket < this.#bucket) this.#bucket = bucket - 1
    const gap = Math.min(BUCKETS, bucket - this.#bucket - 1)
    if (gap > 0) this.#lags.push(...Array.from({ length: gap }, () => null))
    const before = bucket === this.#bucket ? this.#lags.pop() : null
    this.#lags.push(seconds === null ? (before ?? null) : Math.max(seconds, before ?? 0))
    this.#lags = this.#lags.slice(-BUCKETS)
    this.#bucket = bucket
  }

  #addBytes({ phase, asOf, bytes }: Status): void {
    const [at, copied] = [Date.parse(asOf), Number(bytes.copied)]
    const last = this.#bytes.at(-1)
    // A table that is copied again counts from its beginning.
    if (phase !== 'full' || (last && copied < last.copied)) this.#bytes = []
    if (phase !== 'full' || last?.at === at) return
    this.#bytes.push({ at, copied })
    this.#bytes = this.#bytes.filter((one, index, all) => at - one.at <= RATE_MS || index === all.length - 2)
  }
}
