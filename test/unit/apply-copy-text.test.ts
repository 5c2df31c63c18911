import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { copyText } from '../../src/replication/copy-text.ts'
import { Tuple } from '../../src/replication/tuple.ts'

const ESCAPED: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '\\': '\\' }

/** Reads COPY's text format as the server does. */
function read(text: Buffer): (string | null)[][] {
  const lines = text.toString('latin1').split('\n')
  assert.equal(lines.pop(), '')
  return lines.map((line) =>
    line.split('\t').map((field) => (field === '\\N' ? null : field.replace(/\\(.)/g, (_, letter: string) => ESCAPED[letter] ?? '?'))),
  )
}

test('what is printed in COPY format reads back byte by byte', () => {
  const byte = fc.oneof(fc.constantFrom(0x09, 0x0a, 0x0d, 0x5c, 0x4e, 0x2e, 0xff, 0xc3), fc.integer({ min: 1, max: 255 }))
  const value = fc.oneof(
    fc.constant(null),
    fc.array(byte, { maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 20 }), (rows) => {
      const text = Buffer.concat([
        ...copyText(
          rows.map((row) => Tuple.of(row)),
          [2, 0],
        ),
      ])
      assert.deepEqual(
        read(text),
        rows.map(([first, , third]) => [third?.toString('latin1') ?? null, first?.toString('latin1') ?? null]),
      )
    }),
  )
})

test('many rows come in pieces of bounded size', () => {
  const row = Tuple.of([Buffer.alloc(1000, 'x')])
  const pieces = [...copyText(Array.from({ length: 1000 }, () => row), [0])] // prettier-ignore
  assert.ok(pieces.length > 10 && pieces.every(({ length }) => length < 70_000))
  assert.equal(Buffer.concat(pieces).length, 1_001_000)
})
