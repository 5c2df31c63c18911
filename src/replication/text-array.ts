import type { Tuple } from './pgoutput-message.ts'

/** OID of text (pg_type.dat). */
const TEXT = 25
/** Dimensions, whether there are nulls, the element's type, length, lower bound: array_recv of PostgreSQL's arrayfuncs.c. */
const HEADER_BYTES = 20

/**
 * A column of several rows as an array of text in PostgreSQL's binary format, for a parameter `$n::text[]`. A value of the
 * stream has the same framing, so that its bytes go as they are. There must be at least one row.
 */
export function textArray(rows: readonly Tuple[], position: number): Buffer {
  let size = HEADER_BYTES
  let nulls = 0
  for (const row of rows) {
    const value = row[position]
    if (Buffer.isBuffer(value)) size += 4 + value.length
    else {
      size += 4
      nulls = 1
    }
  }
  const array = Buffer.allocUnsafe(size)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(nulls, 4)
  array.writeInt32BE(TEXT, 8)
  array.writeInt32BE(rows.length, 12)
  array.writeInt32BE(1, 16)
  let at = HEADER_BYTES
  for (const row of rows) {
    const value = row[position]
    if (Buffer.isBuffer(value)) {
      at = array.writeInt32BE(value.length, at)
      at = put(array, at, value)
    } else at = array.writeInt32BE(-1, at)
  }
  return array
}

/** Copies bytes; returns the place behind them. For a few bytes a loop is faster than a call into the runtime. */
function put(to: Buffer, at: number, value: Buffer): number {
  const { length } = value
  if (length > 32) to.set(value, at)
  else for (let i = 0; i < length; i++) to[at + i] = value[i]!
  return at + length
}
