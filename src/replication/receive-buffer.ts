/** What a keepalive says. */
export interface KeepaliveEntry {
  /** The server's end of WAL. */
  readonly walEnd: bigint
  readonly idle: boolean
}

/** Who takes entries; a message stands in `bytes` from `start` to before `end`, not decoded yet. */
export interface EntryConsumer {
  message(bytes: Buffer, start: number, end: number): void
  keepalive(keepalive: KeepaliveEntry): void
}

/** What an entry takes beside its message: its slots in the queue, and what is between messages. */
export const ENTRY_BYTES = 64
/** The queue's front is given back when it is this long and more than half of all. */
const SPENT_ENTRIES = 4096

/**
 * The queue between the socket and the consumer. Messages stay undecoded here: decoded they take several times the memory. It
 * makes no object for a message.
 */
export class ReceiveBuffer {
  #entries: (Buffer | KeepaliveEntry)[] = []
  /** Start and end of each entry. */
  #bounds: number[] = []
  #first = 0
  #total = 0

  /** What the entries take, in bytes. */
  get bytes(): number {
    return this.#total
  }

  get empty(): boolean {
    return this.#first === this.#entries.length
  }

  message(bytes: Buffer, start = 0, end = bytes.length): void {
    this.#entries.push(bytes)
    this.#bounds.push(start, end)
    this.#total += end - start + ENTRY_BYTES
  }

  /** A keepalive right after another one replaces it, so that they can't pile up before a consumer that stalls. */
  keepalive(walEnd: bigint, idle: boolean): void {
    const last = this.empty ? undefined : this.#entries.at(-1)
    if (last && !Buffer.isBuffer(last)) {
      this.#entries[this.#entries.length - 1] = { idle, walEnd: walEnd > last.walEnd ? walEnd : last.walEnd }
    } else {
      this.#entries.push({ walEnd, idle })
      this.#bounds.push(0, 0)
      this.#total += ENTRY_BYTES
    }
  }

  /** Gives the oldest entries to `consumer`: at least one if there is any, and no more than either limit beyond the first. What it throws is passed on; the entry is taken. */
  take(maxEntries: number, maxBytes: number, consumer: EntryConsumer): void {
    let bytes = 0
    for (let count = 0; count < maxEntries && !this.empty; count++) {
      const at = this.#first
      const start = this.#bounds[2 * at]!
      const end = this.#bounds[2 * at + 1]!
      const size = end - start + ENTRY_BYTES
      if (count > 0 && bytes + size > maxBytes) break
      bytes += size
      const entry = this.#entries[at]!
      this.#first++
      this.#total -= size
      if (Buffer.isBuffer(entry)) consumer.message(entry, start, end)
      else consumer.keepalive(entry)
    }
    this.#forget()
  }

  clear(): void {
    this.#entries = []
    this.#bounds = []
    this.#first = 0
    this.#total = 0
  }

  /** Lets go of what was taken. */
  #forget(): void {
    if (this.empty) this.clear()
    else if (this.#first >= SPENT_ENTRIES && 2 * this.#first > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#bounds = this.#bounds.slice(2 * this.#first)
      this.#first = 0
    }
  }
}
