import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { CopyDataReader } from '../../src/replication/copy-data-reader.ts'

function message({ type, content }: { type: string; content: Uint8Array }): Buffer {
  const header = Buffer.from(`${type}0000`)
  header.writeUInt32BE(4 + content.length, 1)
  return Buffer.concat([header, content])
}

test('messages come whole and in order, wherever the socket cuts them', () => {
  const messages = fc.array(fc.record({ type: fc.constantFrom('d', 'd', 'd', 'N', 'c'), content: fc.uint8Array({ maxLength: 12 }) }))
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
      const found: { type: string; content: string }[] = []
      const reader = new CopyDataReader(
        (bytes, start, end) => found.push({ type: 'd', content: bytes.toString('hex', start, end) }),
        (other) => {
          assert.equal(other.readUInt32BE(1), other.length - 1)
          found.push({ type: other.toString('latin1', 0, 1), content: other.toString('hex', 5) })
        },
      )
      const all = Buffer.concat(sent.map(message))
      for (let at = 0, i = 0; at < all.length; i++) {
        const next = at + cuts[i % cuts.length]!
        reader.push(Buffer.from(all.subarray(at, next)))
        at = next
      }
      const expected = sent.map(({ type, content }) => ({ type, content: Buffer.from(content).toString('hex') }))
      assert.deepEqual(found, expected)
    }),
  )
})
