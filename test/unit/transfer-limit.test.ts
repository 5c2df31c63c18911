import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TransferLimit } from '../../src/copy/transfer-limit.ts'
import { validateTransferRate } from '../../src/spec/transfer-rate-argument.ts'

function limitAt(bytes: number | null, rows: number | null) {
  let now = 0
  const limit = new TransferLimit(() => now)
  limit.set({ bytes, rows })
  return { limit, pass: (ms: number) => (now += ms) }
}

test('what is too much is paid off at the limit', () => {
  const { limit, pass } = limitAt(1000, null)
  assert.equal(limit.take(0, 50), undefined)
  void limit.take(3000, 1)
  assert.equal(limit.waitMs, 3000)
  pass(2000)
  assert.equal(limit.waitMs, 1000)
  pass(1000)
  assert.equal(limit.waitMs, 0)
  pass(60_000)
  void limit.take(1000, 1)
  assert.equal(limit.waitMs, 900, 'a rest is worth a tenth of a second at most')
  limit.close()
})

test('the stricter of both limits holds, and a new one at once', () => {
  const { limit } = limitAt(1000, 10)
  void limit.take(1000, 100)
  assert.equal(limit.waitMs, 10_000)
  limit.set({ bytes: 1000, rows: 100 })
  assert.equal(limit.waitMs, 1000)
  limit.set({ bytes: null, rows: null })
  assert.equal(limit.waitMs, 0)
  limit.close()
})

test('a limit that is lifted lets a waiting copy go', async () => {
  const limit = new TransferLimit()
  limit.set({ bytes: 1, rows: null })
  const waiting = limit.take(1_000_000, 1)
  assert.ok(waiting)
  limit.set({ bytes: null, rows: null })
  await waiting
})

test('over any pieces no more passes than the limit allows', () => {
  const { limit, pass } = limitAt(10_000, null)
  let sent = 0
  let elapsed = 0
  for (let piece = 1; elapsed < 60_000; piece = (piece * 7919) % 4001) {
    if (limit.waitMs > 0) {
      elapsed += limit.waitMs
      pass(limit.waitMs)
    }
    void limit.take(piece, 0)
    sent += piece
  }
  limit.close()
  assert.ok(Math.abs(sent - 600_000) <= 600_000 * 0.02, `${sent} bytes in a minute`)
})

test('setTransferRate changes what it names and nothing else', () => {
  const now = { megabytesPerSecond: 5, rowsPerSecond: null }
  assert.deepEqual(validateTransferRate({ rowsPerSecond: 7 }, now), { rate: { megabytesPerSecond: 5, rowsPerSecond: 7 } })
  assert.deepEqual(validateTransferRate({ megabytesPerSecond: null }, now), { rate: { megabytesPerSecond: null, rowsPerSecond: null } })
  for (const wrong of [undefined, null, 5, [], {}, { rows: 1 }, { rowsPerSecond: 0 }, { rowsPerSecond: '5' }, { toString: 1 }]) {
    assert.ok('problem' in validateTransferRate(wrong, now), JSON.stringify(wrong))
  }
})
