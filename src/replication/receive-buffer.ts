/** What stands in the buffer: a pgoutput message not decoded yet, or a keepalive (`raw` is null). */
export interface Received {
  readonly raw: Buffer | null
  /** Where the message stands in `raw`. */
  readonly start: number
  readonly end: number
  /** Of a message its position in the WAL (0 for RELATION and TYPE), of a keepalive the server's end of WAL. */
  readonly lsn: bigint
  readonly idle: boolean
  readonly bytes: number
}

/** What an entry takes beside its message: the object, the queue's slot, the Buffer's own header. */
const ENTRY_BYTES = 200

/** The queue between the socket and the consumer. Messages stay undecoded here: decoded they take several times the memory. */
export class ReceiveBuffer {
  private entries: Received[] = []
  private total = 0

  /** What the entries take, in bytes. */
  get bytes(): number {
    return this.total
  }

  get empty(): boolean {
    return this.entries.length === 0
  }

  message(raw: Buffer, lsn: bigint, start = 0, end = raw.length): void {
    const bytes = end - start + ENTRY_BYTES
    this.entries.push({ raw, start, end, lsn, idle: false, bytes })
    this.total += bytes
  }

  /** A keepalive right after another one replaces it, so that they can't pile up before a consumer that stalls. */
  keepalive(walEnd: bigint, idle: boolean): void {
    const last = this.entries.at(-1)
    if (last?.raw === null) {
      this.entries[this.entries.length - 1] = { ...last, idle, lsn: walEnd > last.lsn ? walEnd : last.lsn }
    } else {
      this.entries.push({ raw: null, start: 0, end: 0, lsn: walEnd, idle, bytes: ENTRY_BYTES })
      this.total += ENTRY_BYTES
    }
  }

  /** Takes the oldest entries: at least one if there is any, and no more than either limit beyond the first. */
  take(maxEntries: number, maxBytes: number): Received[] {
    let count = 0
    let bytes = 0
    for (const entry of this.entries) {
      if (count === maxEntries || (count > 0 && bytes + entry.bytes > maxBytes)) break
      bytes += entry.bytes
      count++
    }
    this.total -= bytes
    return this.entries.splice(0, count)
  }

  clear(): void {
    this.entries = []
    this.total = 0
  }
}
