export type CopyFormat = 'text' | 'binary'

/** Counts the rows of one COPY, piece by piece as it passes; pieces may end anywhere. Returns the rows that ended in the piece. */
export type RowCounter = (piece: Buffer) => number

/** A counter for one COPY of this format. */
export function rowCounter(format: CopyFormat): RowCounter {
  if (format === 'text') return countTextRows
  const counter = new BinaryRowCounter()
  return (piece) => counter.count(piece)
}

/** In COPY's text format a newline byte ends a row; within values it is escaped. */
function countTextRows(piece: Buffer): number {
  let rows = 0
  for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) rows++
  return rows
}

/** "PGCOPY\n\377\r\n\0", flags, and the length of the header's extension (PostgreSQL documentation, COPY, "Binary Format"). */
const FIXED_HEADER_BYTES = 19

/** Walks over rows: 16 bits of field count (-1 at the end), then for each field 32 bits of length (-1 for NULL) and its bytes. */
class BinaryRowCounter {
  /** Bytes to pass over before the next number. */
  #skip = FIXED_HEADER_BYTES - 4
  /** Fields of the row that are still to come; -1 between rows; undefined while the header's extension length is to come. */
  #fields: number | undefined
  /** A number that was cut at a piece's end. */
  #number = 0
  #numberBytes = 0

  count(piece: Buffer): number {
    let at = 0
    let rows = 0
    for (;;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, piece.length - at)
        at += skipped
        this.#skip -= skipped
      }
      if (this.#skip === 0 && this.#fields === 0) {
        rows++
        this.#fields = -1
      }
      if (at >= piece.length) return rows
      const size = this.#fields === -1 ? 2 : 4
      if (this.#numberBytes > 0 || piece.length - at < size) {
        this.#number = (this.#number << 8) | (piece[at++] ?? 0)
        if (++this.#numberBytes < size) continue
        const value = size === 2 ? (this.#number << 16) >> 16 : this.#number
        this.#number = 0
        this.#numberBytes = 0
        this.#take(value)
      } else {
        const value = size === 2 ? piece.readInt16BE(at) : piece.readInt32BE(at)
        at += size
        this.#take(value)
      }
    }
  }

  #take(value: number): void {
    if (this.#fields === undefined) {
      this.#skip = value
      this.#fields = -1
    } else if (this.#fields === -1) {
      // The trailer's -1 is followed by nothing.
      this.#fields = value
      if (value === -1) this.#skip = Infinity
    } else {
      this.#fields--
      this.#skip = Math.max(value, 0)
    }
  }
}
