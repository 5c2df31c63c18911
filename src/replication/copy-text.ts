import type { Tuple } from './pgoutput-message.ts'

const CHUNK_BYTES = 64 * 1024
const [TAB, NEWLINE, RETURN, BACKSLASH, LETTER_N] = [0x09, 0x0a, 0x0d, 0x5c, 0x4e]

/** Prints rows in COPY's text format, byte by byte as they are, in chunks of about 64 KiB. */
export function* copyText(rows: Iterable<Tuple>, positions: readonly number[]): Generator<Buffer, void, undefined> {
  let chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let at = 0
  for (const row of rows) {
    let most = 0
    for (const position of positions) {
      const value = row[position]
      // A separator follows; `\N` and its separator take three.
      most += 3 + (Buffer.isBuffer(value) ? mostBytes(value) : 0)
    }
    if (at + most > chunk.length) {
      if (at > 0) yield chunk.subarray(0, at)
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, most))
      at = 0
    }
    for (const position of positions) {
      const value = row[position]
      if (Buffer.isBuffer(value)) at = escaped(chunk, at, value)
      else {
        chunk[at++] = BACKSLASH
        chunk[at++] = LETTER_N
      }
      chunk[at++] = TAB
    }
    chunk[at - 1] = NEWLINE
  }
  if (at > 0) yield chunk.subarray(0, at)
}

/** Every byte may need a backslash; of long values they are counted. */
function mostBytes(value: Buffer): number {
  if (value.length <= CHUNK_BYTES) return 2 * value.length
  let bytes = value.length
  for (const byte of value) if (byte === BACKSLASH || byte === TAB || byte === NEWLINE || byte === RETURN) bytes++
  return bytes
}

/** Writes a value with its escapes (PostgreSQL documentation, COPY, "Text Format"); returns the place behind it. */
function escaped(to: Buffer, start: number, value: Buffer): number {
  let at = start
  const { length } = value
  for (let i = 0; i < length; i++) {
    const byte = value[i]!
    if (byte === BACKSLASH || (byte <= RETURN && (byte === TAB || byte === NEWLINE || byte === RETURN))) {
      to[at++] = BACKSLASH
      to[at++] = byte === TAB ? 0x74 : byte === NEWLINE ? 0x6e : byte === RETURN ? 0x72 : BACKSLASH
    } else to[at++] = byte
  }
  return at
}
