import assert from 'node:assert/strict'
import test from 'node:test'
import { slotNews } from '../../src/activities/slot-news.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { SlotGrowth } from '../../src/source/slot-growth.ts'
import type { SlotState } from '../../src/source/slot-state.ts'
import { slotWarning } from '../../src/source/slot-warning.ts'

const GIBIBYTE = 1n << 30n
const NOW = Date.UTC(2026, 0, 1)

const state = (parts: Partial<SlotState>): SlotState => ({
  ...{ confirmedLsn: '0/1', retainedBytes: GIBIBYTE / 2n, walStatus: 'reserved', safeBytes: null, limitBytes: null },
  ...{ usualBytes: GIBIBYTE, idleTimeout: null, idleLeft: null, lost: undefined },
  ...parts,
})

const limited = (safe: bigint, parts: Partial<SlotState> = {}): SlotState =>
  state({ limitBytes: 10n * GIBIBYTE, safeBytes: safe, retainedBytes: 10n * GIBIBYTE - safe, ...parts })

test('a slot far from every limit needs no word', () => {
  assert.equal(slotWarning('s', state({}), undefined, NOW), null)
  assert.equal(slotWarning('s', limited(9n * GIBIBYTE), undefined, NOW), null)
  assert.equal(slotWarning('s', limited(9n * GIBIBYTE), 1000, NOW), null)
  assert.equal(slotWarning('s', state({ idleTimeout: 3600, idleLeft: 1800 }), 1000, NOW), null)
})

test('a limit is told with the time at which the present growth reaches it', () => {
  const soon = slotWarning('s', limited(9n * GIBIBYTE), Number(GIBIBYTE) / 600, NOW) ?? ''
  assert.match(soon, /^The source keeps 1 GB of WAL for slot s; when 9 GB more are written, max_slot_wal_keep_size = 10 GB is reached/)
  assert.match(soon, /; at 6 GB more an hour that is in about 90 min \(2026-01-01 01:30 UTC\)\. Before that, on the source raise/)
  assert.match(slotWarning('s', limited(4n * GIBIBYTE), 0, NOW) ?? '', /the slot can be lost\. Before that/)
  assert.match(slotWarning('s', limited(-1n, { walStatus: 'unreserved' }), 0, NOW) ?? '', /at its next checkpoint the slot can be lost/)
})

test('without a limit it is the disk, once more is kept than it is laid out for', () => {
  const text = slotWarning('s', state({ retainedBytes: 3n * GIBIBYTE, walStatus: 'extended' }), Number(GIBIBYTE) / 3600, NOW) ?? ''
  assert.match(
    text,
    /^The source keeps 3 GB of WAL for slot s, 1 GB more an hour, more than its max_wal_size = 1 GB, and nothing limits it/,
  )
  assert.ok(text.length < 1024)
})

test('the growth is that of the last ten minutes, and none before a minute was seen', () => {
  const growth = new SlotGrowth()
  for (let second = 0; second < 60; second += 1) growth.add(second * 1000, BigInt(second))
  assert.equal(growth.perSecond, undefined)
  for (let second = 60; second <= 3600; second += 5) growth.add(second * 1000, BigInt(Math.max(0, second - 1800)) * 10n)
  assert.equal(growth.perSecond, 10)
  growth.add(3_605_000, 0n)
  assert.equal(growth.perSecond, 0)
})

test('reports about the slot get rarer the longer it is watched; a warning that comes or goes is told soon', async () => {
  const wal = { retained: 1n }
  const source = {
    version: 130000,
    query: async () => [{ retained_bytes: String(wal.retained), usual_megabytes: '1', confirmed_flush_lsn: '0/1' }],
  } as unknown as Database
  const news = slotNews('unit test', 0)
  let reports = 0
  for (let now = 0; now < 30 * 86_400_000; now += 5_000) {
    await news.look(source, now)
    if (news.due(now)) reports++
    if (news.due(now)) news.take(now)
  }
  assert.ok(reports > 2000 && reports < 4000, String(reports))
  const later = 30 * 86_400_000
  wal.retained = 2_000_000n
  await news.look(source, later)
  assert.ok(news.due(later))
  assert.match(news.take(later).slotWarning ?? '', /nothing limits it/)
  wal.retained = 1n
  await news.look(source, later + 5_000)
  assert.ok(news.due(later + 5_000))
  const { slot, slotWarning: gone } = news.take(later + 5_000)
  assert.deepEqual([slot?.retainedBytes, gone], ['1', null])
})
