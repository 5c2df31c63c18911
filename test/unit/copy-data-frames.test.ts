import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { CopyDataFrames } from '../../src/copy/copy-data-frames.ts'

interface Message {
  readonly type: string
  readonly content: Uint8Array
}

function encoded({ type, content }: Message): Buffer {
  const header = Buffer.from(`${type}0000`)
  header.writeUInt32BE(4 + content.length, 1)
  return Buffer.concat([header, content])
}

/** The content of messages that stand one after another, each of them whole. */
function contentOf(frames: readonly Buffer[]): Buffer {
  const all = Buffer.concat(frames)
  const parts: Buffer[] = []
  for (let at = 0; at < all.length;) {
    assert.equal(all.toString('latin1', at, at + 1), 'd')
    const end = at + 1 + all.readUInt32BE(at + 1)
    assert.ok(end <= all.length, 'a message is not whole')
    parts.push(all.subarray(at + 5, end))
    at = end
  }
  return Buffer.concat(parts)
}

const messages = fc.array(
  fc.record({ type: fc.constantFrom('d', 'd', 'd', 'N', 'S', 'A', 'H'), content: fc.uint8Array({ maxLength: 12 }) }),
)

test('what is given on is whole at any time and has the same content, wherever the socket cuts it', () => {
  const end = fc.constantFrom('c', 'E')
  fc.assert(
    fc.property(messages, end, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, type, cuts) => {
      const behind = Buffer.concat([
        encoded({ type: 'C', content: Buffer.from('COPY 5\0') }),
        encoded({ type: 'Z', content: Buffer.from('T') }),
      ])
      const error = type === 'E' ? encoded({ type, content: Buffer.from('SERROR\0\0') }) : Buffer.alloc(0)
      const all = Buffer.concat([...sent.map(encoded), type === 'c' ? encoded({ type, content: Buffer.alloc(0) }) : error, behind])
      const reader = new CopyDataFrames()
      const content: Buffer[] = []
      const rest: Buffer[] = []
      let [count, bytes] = [0, 0]
      let complete: boolean | undefined
      for (let at = 0, i = 0; at < all.length; i++) {
        const piece = Buffer.from(all.subarray(at, at + cuts[i % cuts.length]!))
        at += piece.length
        if (complete !== undefined) {
          rest.push(piece)
          continue
        }
        const read = reader.push(piece)
        content.push(contentOf(read.frames))
        count += read.messages
        bytes += read.bytes
        if (read.end) {
          complete = read.end.complete
          rest.push(Buffer.from(read.end.rest))
        }
      }
      const data = sent.filter((message) => message.type === 'd')
      assert.deepEqual(Buffer.concat(content), Buffer.concat(data.map((message) => message.content)))
      assert.equal(count, data.length)
      assert.equal(bytes, Buffer.concat(content).length)
      assert.equal(complete, type === 'c')
      assert.deepEqual(Buffer.concat(rest), Buffer.concat([error, behind]))
    }),
  )
})
