/** Stands for a TOASTed value that an UPDATE left alone: pgoutput does not send it. */
export const UNCHANGED: unique symbol = Symbol('unchanged TOAST value')

/** A value as the server printed it (text format), null, or not sent. */
export type TupleValue = Buffer | null | typeof UNCHANGED

const [TEXT, NULL, NOT_SENT] = [0x74, 0x6e, 0x75]
/** A value's kind, and of a text its length. */
const HEADER_BYTES = 5
const [MINUS, DIGIT_0] = [0x2d, 0x30]
/** Numbers of so many digits are exact. */
const EXACT_DIGITS = 15

/**
 * The values of a row, in the order of its relation's columns. They stay where they came, in the message: an object for each value
 * would cost more time than all else. Whoever keeps a tuple keeps the message's memory alive.
 */
export class Tuple {
  /** A row without columns. */
  static readonly EMPTY = new Tuple(Buffer.alloc(0), new Int32Array(0), true)

  readonly #bytes: Buffer
  /** Where each value's kind stands, from `#first` on; other tuples' places may stand around them. */
  readonly #places: ArrayLike<number>
  readonly #first: number
  /** For each value the bytes it stands in, if not all stand in the same. */
  readonly #parts: readonly Buffer[] | undefined
  readonly length: number
  /** Whether every value was sent. */
  readonly whole: boolean

  /** `places` are offsets in `bytes` of values as pgoutput frames them (PostgreSQL documentation, TupleData): `length` of them from the one at `first` on. */
  constructor(bytes: Buffer, places: ArrayLike<number>, whole: boolean, first = 0, length = places.length, parts?: readonly Buffer[]) {
    this.#bytes = bytes
    this.#places = places
    this.#first = first
    this.#parts = parts
    this.length = length
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
    return new Tuple(Buffer.concat(parts), Int32Array.from(places), !values.includes(UNCHANGED))
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
    const at = this.#at(position) + 1
    const bytes = this.#in(position)
    // Four reads cost less than a call.
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  /** A view, not a copy. */
  value(position: number): TupleValue {
    const size = this.size(position)
    if (size < 0) return this.isNull(position) ? null : UNCHANGED
    const start = this.#at(position) + HEADER_BYTES
    return this.#in(position).subarray(start, start + size)
  }

  values(): TupleValue[] {
    return Array.from({ length: this.length }, (_, i) => this.value(i))
  }

  /** Bytes as characters of one byte each; empty if there are none. */
  latin1(position: number): string {
    const start = this.#at(position) + HEADER_BYTES
    const size = this.size(position)
    return size > 0 ? this.#in(position).toString('latin1', start, start + size) : ''
  }

  /** The integer that stands there in digits; undefined if it is none, or too long to be exact. */
  integer(position: number): number | undefined {
    const bytes = this.#in(position)
    const size = this.size(position)
    let at = this.#at(position) + HEADER_BYTES
    const end = at + size
    const negative = bytes[at] === MINUS
    if (negative) at++
    if (size > EXACT_DIGITS || at >= end) return undefined
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - DIGIT_0
      if (digit < 0 || digit > 9) return undefined
      value = 10 * value + digit
    }
    return negative ? -value : value
  }

  /** Copies a value as an array of text in binary format has it, its length and its bytes; returns the place behind it. */
  copyElement(position: number, to: Buffer, at: number): number {
    const size = this.size(position)
    if (size < 0) return to.writeInt32BE(-1, at)
    const from = this.#in(position)
    const start = this.#at(position) + 1
    const framed = 4 + size
    // For a few bytes a loop is faster than a call into the runtime.
    if (framed > 40) to.set(from.subarray(start, start + framed), at)
    else for (let i = 0; i < framed; i++) to[at + i] = from[start + i]!
    return at + framed
  }

  /** Writes a text as COPY's text format has it (PostgreSQL documentation, COPY); returns the place behind it. */
  copyEscaped(position: number, to: Buffer, start: number): number {
    const from = this.#in(position)
    const first = this.#at(position) + HEADER_BYTES
    const end = first + this.size(position)
    let at = start
    for (let i = first; i < end; i++) {
      const byte = from[i]!
      const letter = ESCAPES[byte]!
      if (letter === 0) to[at++] = byte
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
    return new Tuple(this.#bytes, Int32Array.from(places), whole, 0, places.length, parts)
  }

  #at(position: number): number {
    return position < this.length ? this.#places[this.#first + position]! : outside(position)
  }

  #in(position: number): Buffer {
    return this.#parts?.[position] ?? this.#bytes
  }

  #kind(position: number): number | undefined {
    return this.#in(position)[this.#at(position)]
  }
}

/** The letter behind the backslash, by byte; 0 for bytes that need none. */
const ESCAPES = new Uint8Array(256)
for (const [byte, letter] of ['\tt', '\nn', '\rr', '\\\\'].map((pair) => Buffer.from(pair))) ESCAPES[byte!] = letter!

function outside(position: number): never {
  throw new RangeError(`a row without a value at position ${position}`)
}
