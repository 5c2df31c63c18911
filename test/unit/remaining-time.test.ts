import assert from 'node:assert/strict'
import test from 'node:test'
import { nextBuildSample } from '../../src/activities/copy-rate.ts'
import { remainingSeconds } from '../../src/copy/remaining-time.ts'
import type { Remaining, RemainingTable } from '../../src/copy/remaining-time.ts'

const table = (left: number, bytes: number, ...builds: number[]): RemainingTable => ({ left, bytes, builds })
const seconds = (tables: readonly RemainingTable[], more: Partial<Remaining> = {}) =>
  remainingSeconds({ tables, byteRate: 100, copies: 2, buildRate: 50, indexJobs: 2, ...more })

test('without indexes it is what the rows take', () => {
  assert.equal(seconds([table(600, 1000), table(400, 400)]), 10)
  assert.equal(seconds([]), 0)
})

test('indexes follow their table, beside the copies of others, as many at once as there are jobs', () => {
  // Copied after 10 s, then 20 s for each of two builds at once; a third waits for a job.
  assert.equal(seconds([table(1000, 1000, 0, 0)]), 30)
  assert.equal(seconds([table(1000, 1000, 0, 0, 0)]), 50)
  assert.equal(seconds([table(1000, 1000, 0, 0)], { indexJobs: 1 }), 50)
  // The second table's copy hides behind the builds of the first.
  assert.equal(seconds([table(1000, 1000, 0, 0), table(500, 500, 0)]), 40)
  assert.equal(seconds([table(1000, 1000, 0), table(4000, 4000)]), 50)
})

test('of a build that runs only the rest counts, also when every row is copied', () => {
  assert.equal(seconds([table(0, 1000, 0.75, 0.5)]), 10)
  assert.equal(seconds([table(0, 1000, 0.5, 0)], { byteRate: 0 }), 20)
})

test('before a build was seen it is taken to be as fast as a copy; nothing that moves is no answer', () => {
  assert.equal(seconds([table(1000, 1000, 0)], { buildRate: null }), 30)
  assert.equal(seconds([table(1000, 1000, 0)], { byteRate: null }), null)
  assert.equal(seconds([table(0, 1000, 0)], { byteRate: null, buildRate: null }), null)
  assert.equal(seconds([table(1000, 1000)], { byteRate: 0.5 }), null)
})

test('the rate is that of one build, and stays while none is seen', () => {
  const first = nextBuildSample(null, { at: 0, built: 0, builders: 2 })
  assert.equal(first.rate, null)
  const second = nextBuildSample(first, { at: 8, built: 1600, builders: 2 })
  assert.equal(second.rate, 100)
  assert.equal(nextBuildSample(second, { at: 16, built: 1600, builders: 0 }).rate, 100)
  const slower = nextBuildSample(second, { at: 16, built: 2000, builders: 2 }).rate ?? 0
  assert.ok(slower < 100 && slower > 25, String(slower))
})
