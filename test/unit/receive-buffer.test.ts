import assert from 'node:assert/strict'
import test from 'node:test'
import { ReceiveBuffer } from '../../src/replication/receive-buffer.ts'
import type { EntryConsumer } from '../../src/replication/receive-buffer.ts'

function taken(buffer: ReceiveBuffer, maxEntries = 1e9, maxBytes = 1e9): unknown[] {
  const found: unknown[] = []
  const consumer: EntryConsumer = {
    message: (bytes, start, end) => found.push(bytes.toString('latin1', start, end)),
    keepalive: ({ walEnd, idle }) => found.push([walEnd, idle]),
  }
  buffer.take(maxEntries, maxBytes, consumer)
  return found
}

test('delivers in order, by both limits, and at least one entry', () => {
  const buffer = new ReceiveBuffer()
  for (let i = 0; i < 10; i++) buffer.message(Buffer.alloc(1010, String(i)), 5, 1005)
  const positions = (maxEntries: number, maxBytes: number) => taken(buffer, maxEntries, maxBytes).map((entry) => Number(String(entry)[0]))
  assert.deepEqual(positions(3, 1e9), [0, 1, 2])
  assert.deepEqual(positions(100, 1), [3])
  assert.deepEqual(positions(100, 2900), [4, 5])
  assert.ok(buffer.bytes > 4000 && !buffer.empty)
  assert.deepEqual(positions(100, 1e9), [6, 7, 8, 9])
  assert.deepEqual(positions(100, 1e9), [])
  assert.ok(buffer.bytes === 0 && buffer.empty)
})

test('keepalives do not pile up, nor pass a message', () => {
  const buffer = new ReceiveBuffer()
  buffer.keepalive(10n, true)
  buffer.keepalive(30n, true)
  buffer.keepalive(20n, true)
  buffer.message(Buffer.from('B'))
  for (let i = 40n; i < 50n; i++) buffer.keepalive(i, false)
  assert.deepEqual(taken(buffer), [[30n, true], 'B', [49n, false]])
  assert.equal(buffer.bytes, 0)
})

test('a queue that is never empty keeps nothing that was taken, and its order', () => {
  const buffer = new ReceiveBuffer()
  let [sent, next] = [0, 0]
  const send = () => buffer.message(Buffer.from(String(sent++)))
  for (let i = 0; i < 5000; i++) send()
  const size = buffer.bytes
  for (let i = 0; i < 20_000; i++) {
    send()
    assert.deepEqual(taken(buffer, 1), [String(next++)])
  }
  assert.ok(Math.abs(buffer.bytes - size) < 10_000)
})

test('what the consumer throws is passed on, and the entry is taken', () => {
  const buffer = new ReceiveBuffer()
  for (const text of ['a', 'b', 'c']) buffer.message(Buffer.from(text))
  const failing: EntryConsumer = {
    message: (bytes) => assert.notEqual(bytes.toString(), 'b', 'refused'),
    keepalive: () => assert.fail(),
  }
  assert.throws(() => buffer.take(10, 1e9, failing), /refused/)
  assert.deepEqual(taken(buffer), ['c'])
})
