import { Tuple } from './tuple.ts'

/** 64-bit numbers whose upper half is below are exact as JavaScript numbers, of 53 bits. */
const EXACT_HIGH = 0x20_0000
/** Places of values are kept in blocks of so many: a block is small beside the messages that it speaks of. */
const BLOCK_PLACES = 4096

/** Reads the fields of one message after another; throws a RangeError where a message is shorter than it says. */
export class PgoutputReader {
  private chunk: Buffer = Buffer.alloc(0)
  private end = 0
  private offset = 0
  private places = new Int32Array(BLOCK_PLACES)
  private used = 0

  /** The next message stands in `chunk` from `start` to before `end`. */
  begin(chunk: Buffer, start: number, end: number): void {
    this.chunk = chunk
    this.offset = start
    this.end = end
  }

  get rest(): number {
    return this.end - this.offset
  }

  byte(): number {
    return this.chunk.readUInt8(this.advance(1))
  }

  int16(): number {
    return this.chunk.readInt16BE(this.advance(2))
  }

  int32(): number {
    const { chunk } = this
    const at = this.advance(4)
    return (chunk[at]! << 24) | (chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!
  }

  uint32(): number {
    return this.chunk.readUInt32BE(this.advance(4))
  }

  lsn(): bigint {
    const high = this.uint32()
    const low = this.uint32()
    // As long as a number holds it, one bigint is made instead of four.
    return high < EXACT_HIGH ? BigInt(high * 0x1_0000_0000 + low) : (BigInt(high) << 32n) | BigInt(low)
  }

  /** Passes over a commit's time. */
  afterTime(): this {
    this.advance(8)
    return this
  }

  /** A zero-terminated name. */
  name(): string {
    const end = this.chunk.indexOf(0, this.offset)
    if (end < 0 || end >= this.end) throw new RangeError('a name without end')
    const name = this.chunk.toString('utf8', this.offset, end)
    this.offset = end + 1
    return name
  }

  /** A schema's name; pgoutput sends pg_catalog as an empty name. */
  schema(): string {
    return this.name() || 'pg_catalog'
  }

  /** A view into the chunk, not a copy. */
  bytes(length: number): Buffer {
    if (length < 0) throw new RangeError('a negative length')
    const start = this.advance(length)
    return this.chunk.subarray(start, start + length)
  }

  tuple(columns: number): Tuple {
    const count = this.int16()
    // Also a negative count ends here.
    if (count !== columns) throw new RangeError(`a row of ${count} values for ${columns} columns`)
    if (this.used + count > this.places.length) {
      this.places = new Int32Array(Math.max(BLOCK_PLACES, count))
      this.used = 0
    }
    const { chunk, places, used: first } = this
    this.used += count
    let whole = true
    for (let i = 0; i < count; i++) {
      places[first + i] = this.offset
      const kind = chunk[this.advance(1)]
      if (kind === 0x74 /* t */) this.skip(this.int32())
      else if (kind === 0x75 /* u */) whole = false
      else if (kind !== 0x6e /* n */) throw new RangeError(`a value of unknown kind ${kind}`)
    }
    return new Tuple(chunk, places, whole, first, count)
  }

  private skip(length: number): void {
    if (length < 0) throw new RangeError('a negative length')
    this.advance(length)
  }

  private advance(length: number): number {
    const start = this.offset
    if (start + length > this.end) throw new RangeError('a message that ends too early')
    this.offset = start + length
    return start
  }
}
