import type { Tuple } from './tuple.ts'

const CHUNK_BYTES = 64 * 1024
const [TAB, NEWLINE, BACKSLASH, LETTER_N] = [0x09, 0x0a, 0x5c, 0x4e]

/** Prints rows in COPY's text format, byte by byte as they are, in chunks of about 64 KiB. */
export function* copyText(rows: Iterable<Tuple>, positions: readonly number[]): Generator<Buffer, void, undefined> {
  let chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let at = 0
  for (const row of rows) {
    let most = 0
    // Every byte may need a backslash, and a separator follows; `\N` and its separator take three.
    for (const position of positions) most += 3 + 2 * Math.max(0, row.size(position))
    if (at + most > chunk.length) {
      if (at > 0) yield chunk.subarray(0, at)
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, most))
      at = 0
    }
    for (const position of positions) {
      if (row.size(position) >= 0) at = row.copyEscaped(position, chunk, at)
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
