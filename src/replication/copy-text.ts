import type { Tuple } from './pgoutput-message.ts'

const NULL = Buffer.from('\\N')
const CHUNK_BYTES = 64 * 1024
const [TAB, NEWLINE, RETURN, BACKSLASH] = [0x09, 0x0a, 0x0d, 0x5c]
/** What stands behind the backslash (PostgreSQL documentation, COPY, "Text Format"). */
const ESCAPES = new Map([
  [TAB, 0x74],
  [NEWLINE, 0x6e],
  [RETURN, 0x72],
  [BACKSLASH, 0x5c],
])

/** Prints rows in COPY's text format, byte by byte as they are, in chunks of about 64 KiB. */
export function* copyText(rows: Iterable<Tuple>, positions: readonly number[]): Generator<Buffer, void, undefined> {
  let parts: Buffer[] = []
  let bytes = 0
  for (const row of rows) {
    for (const [i, position] of positions.entries()) {
      const value = row[position]
      const part = Buffer.isBuffer(value) ? escaped(value) : NULL
      parts.push(part, i + 1 === positions.length ? END_OF_ROW : SEPARATOR)
      bytes += part.length + 1
    }
    if (bytes < CHUNK_BYTES) continue
    yield Buffer.concat(parts)
    parts = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(parts)
}

const SEPARATOR = Buffer.of(TAB)
const END_OF_ROW = Buffer.of(NEWLINE)

function escaped(value: Buffer): Buffer {
  let extra = 0
  for (let i = 0; i < value.length; i++) if (ESCAPES.has(value[i]!)) extra++
  if (extra === 0) return value
  const to = Buffer.allocUnsafe(value.length + extra)
  let at = 0
  for (const byte of value) {
    const escape = ESCAPES.get(byte)
    if (escape !== undefined) to[at++] = BACKSLASH
    to[at++] = escape ?? byte
  }
  return to
}
