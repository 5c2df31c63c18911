import assert from 'node:assert/strict'
import test from 'node:test'
import { ReceiveBuffer } from '../../src/replication/receive-buffer.ts'

test('delivers in order, by both limits, and at least one entry', () => {
  const buffer = new ReceiveBuffer()
  for (let i = 0; i < 10; i++) buffer.message(Buffer.alloc(1000, i), BigInt(i))
  const positions = (maxEntries: number, maxBytes: number) => buffer.take(maxEntries, maxBytes).map((entry) => Number(entry.lsn))
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
  buffer.message(Buffer.from('B'), 35n)
  for (let i = 40n; i < 50n; i++) buffer.keepalive(i, false)
  assert.deepEqual(
    buffer.take(100, 1e9).map(({ raw, lsn, idle }) => [raw?.toString() ?? null, lsn, idle]),
    [
      [null, 30n, true],
      ['B', 35n, false],
      [null, 49n, false],
    ],
  )
  assert.equal(buffer.bytes, 0)
})
