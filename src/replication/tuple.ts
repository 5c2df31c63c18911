/** Stands for a TOASTed value that an UPDATE left alone: pgoutput does not send it. */
export const UNCHANGED: unique symbol = Symbol('unchanged TOAST value')

/** A value as the server printed it (text format), null, or not sent. */
export type TupleValue = Buffer | null | typeof UNCHANGED

const [TEXT, NULL, NOT_SENT] = [0x74, 0x6e, 0x75]
/** A value's kind, and of a text its length. */
const HEADER_BYTES = 5

/**
 * The values of a row, in the order of its relation's columns. They stay where they came, in the message: an object for each value
 * would cost more time than all else. Whoever keeps a tuple keeps the message's memory alive.
 */
export class Tuple {
  /** A row without columns. */
  static readonly EMPTY = new Tuple(Buffer.alloc(0), [], true)

  readonly #bytes: Buffer
  /** Where each value's kind stands. */
  readonly #places: readonly number[]
  /** For each value the bytes it stands in, if not all stand in the same. */
  readonly #parts: readonly Buffer[] | undefined
  /** Whether every value was sent. */
  readonly whole: boolean

  /** `places` are offsets in `bytes` of values as pgoutput frames them (PostgreSQL documentation, TupleData). */
  constructor(bytes: Buffer, places: readonly number[], whole: boolean, parts?: readonly Buffer[]) {
    this.#bytes = bytes
    this.#places = places
    this.#parts = parts
    this.whole = whole
  }

  static of(values: readonly TupleValue[]): Tuple {
    const places: number[] = []
    const parts: Buffer[] = []
    let at = 0
    for (const value of values) {
      places.push(at)
      const header = Buffer.alloc(Buffer.isBuffer(value) ? HEADER_BYTES : 1, value === null ? NULL : value === UNCHANGED ? NOT_SENT : TEXT)
      parts.push(header)
      at += header.length
      if (!Buffer.isBuffer(value)) continue
      header.writeInt32BE(value.length, 1)
      parts.push(value)
      at += value.length
    }
    return new Tuple(Buffer.concat(parts), places, !values.includes(UNCHANGED))
  }

  get length(): number {
    return this.#places.length
  }

  isNull(position: number): boolean {
    return this.#kind(position) === NULL
  }

  isUnchanged(position: number): boolean {
    return this.#kind(position) === NOT_SENT
  }

  /** The value's length in bytes; -1 if it is null or was not sent. */
  size(position: number): number {
    if (this.#kind(position) !== TEXT) return -1
    return this.#in(position).readInt32BE(this.#at(position) + 1)
  }

  /** A view, not a copy. */
  value(position: number): TupleValue {
    const size = this.size(position)
    if (size < 0) return this.isNull(position) ? null : UNCHANGED
    const start = this.#at(position) + HEADER_BYTES
    return this.#in(position).subarray(start, start + size)
  }

  values(): TupleValue[] {
    return this.#places.map((_, i) => this.value(i))
  }

  /** Bytes as characters of one byte each; empty if there are none. */
  latin1(position: number): string {
    const start = this.#at(position) + HEADER_BYTES
    const size = this.size(position)
    return size > 0 ? this.#in(position).toString('latin1', start, start + size) : ''
  }

  /** Copies a text's bytes; returns the place behind them. */
  copy(position: number, to: Buffer, at: number): number {
    const start = this.#at(position) + HEADER_BYTES
    const size = this.size(position)
    const from = this.#in(position)
    // For a few bytes a loop is faster than a call into the runtime.
    if (size > 40) from.copy(to, at, start, start + size)
    else for (let i = 0; i < size; i++) to[at + i] = from[start + i]!
    return at + Math.max(0, size)
  }

  /** Writes a text as COPY's text format has it (PostgreSQL documentation, COPY); returns the place behind it. */
  copyEscaped(position: number, to: Buffer, start: number): number {
    const from = this.#in(position)
    const first = this.#at(position) + HEADER_BYTES
    const end = first + this.size(position)
    let at = start
    for (let i = first; i < end; i++) {
      const byte = from[i]!
      const letter = byte > 0x5c || (byte > 0x0d && byte < 0x5c) ? undefined : ESCAPES[byte]
      if (letter === undefined) to[at++] = byte
      else {
        to[at++] = 0x5c
        to[at++] = letter
      }
    }
    return at
  }

  /** This row, with the values of an earlier one where this one has none. */
  over(earlier: Tuple): Tuple {
    if (this.whole) return this
    const places: number[] = []
    const parts: Buffer[] = []
    let whole = true
    for (let i = 0; i < this.length; i++) {
      const source = this.isUnchanged(i) ? earlier : this
      places.push(source.#at(i))
      parts.push(source.#in(i))
      if (source.isUnchanged(i)) whole = false
    }
    return new Tuple(this.#bytes, places, whole, parts)
  }

  #at(position: number): number {
    return this.#places[position] ?? outside(position)
  }

  #in(position: number): Buffer {
    return this.#parts?.[position] ?? this.#bytes
  }

  #kind(position: number): number | undefined {
    return this.#in(position)[this.#at(position)]
  }
}

/** The letter behind the backslash, by byte. */
const ESCAPES: readonly (number | undefined)[] = Array.from({ length: 0x5d }, (_, byte) =>
  byte === 0x09 ? 0x74 : byte === 0x0a ? 0x6e : byte === 0x0d ? 0x72 : byte === 0x5c ? 0x5c : undefined,
)

function outside(position: number): never {
  throw new RangeError(`a row without a value at position ${position}`)
}
