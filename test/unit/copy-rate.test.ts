import assert from 'node:assert/strict'
import test from 'node:test'
import { nextSample } from '../../src/activities/copy-rate.ts'
import type { RateSample } from '../../src/activities/copy-rate.ts'

function after(rates: readonly number[], step = 8): RateSample | null {
  let sample = nextSample(null, { at: 0, rows: 0, bytes: 0 })
  for (const rate of rates) {
    sample = nextSample(sample, { at: sample.at + step, rows: sample.rows + rate * step, bytes: sample.bytes + 100 * rate * step })
  }
  return sample
}

test('a steady rate is that rate, of rows as of bytes, whatever the interval', () => {
  for (const step of [1, 8, 3600]) {
    const sample = after([50, 50, 50], step)
    assert.deepEqual([sample?.rowRate, sample?.byteRate], [50, 5000])
  }
})

test('one slow interval does not become the rate; a new pace does within two minutes', () => {
  const dip = after([100, 100, 100, 0])?.rowRate ?? 0
  assert.ok(dip > 70 && dip < 85, String(dip))
  const slower = after([...Array<number>(5).fill(100), ...Array<number>(15).fill(10)])?.rowRate ?? 0
  assert.ok(Math.abs(slower - 10) < 2, String(slower))
})

test('before two samples there is no rate, and a copy that begins anew does not make it negative', () => {
  const first = nextSample(null, { at: 5, rows: 10, bytes: 1000 })
  assert.deepEqual([first.rowRate, first.byteRate], [null, null])
  const second = nextSample(first, { at: 6, rows: 20, bytes: 2000 })
  const anew = nextSample(second, { at: 7, rows: 0, bytes: 0 })
  assert.deepEqual(anew, { at: 7, rows: 0, bytes: 0, rowRate: 10, byteRate: 1000 })
  assert.equal(nextSample(anew, { at: 8, rows: 10, bytes: 1000 }).rowRate, 10)
})
