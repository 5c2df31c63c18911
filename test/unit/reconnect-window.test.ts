import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ABSENCE_MS, failedAttempt, shownOutage } from '../../src/activities/reconnect-window.ts'
import type { Outage } from '../../src/activities/reconnect-window.ts'

const HOUR = 3_600_000
const WINDOW = 12 * HOUR

/** Failed attempts every minute from `start` to `end`. */
function attempts(start: number, end: number, previous?: Outage): { outage: Outage; expired: boolean } {
  let outage = previous
  let expired = false
  for (let now = start; now <= end; now += 60_000) ({ outage, expired } = failedAttempt(outage, now, { windowMs: WINDOW }))
  assert.ok(outage)
  return { outage, expired }
}

test('the window counts from the loss: 11 h 59 min is within, 12 h 01 min is past', () => {
  assert.equal(attempts(0, 11 * HOUR + 59 * 60_000).expired, false)
  assert.equal(attempts(0, 12 * HOUR + 60_000).expired, true)
})

test('the first failure never expires, however short the window', () => {
  assert.equal(failedAttempt(undefined, 1, { windowMs: 0 }).expired, false)
})

test('hours without a worker begin the window again, whole, and keep the first loss', () => {
  const before = attempts(0, HOUR).outage
  const { outage, expired } = failedAttempt(before, 14 * HOUR, { windowMs: WINDOW })
  assert.equal(expired, false)
  assert.equal(outage.lostAt, 0)
  assert.equal(outage.deadline, 26 * HOUR)
  assert.equal(attempts(14 * HOUR + 60_000, 25 * HOUR, outage).expired, false)
  assert.equal(attempts(14 * HOUR + 60_000, 26 * HOUR + 60_000, outage).expired, true)
})

test('a gap of exactly 5 minutes is no absence', () => {
  const first = failedAttempt(undefined, 0, { windowMs: 1_000 }).outage
  assert.equal(failedAttempt(first, ABSENCE_MS, { windowMs: 1_000 }).expired, true)
})

test('the delay is never below a second nor hammers a server for long', () => {
  fc.assert(
    fc.property(fc.nat(WINDOW * 2), fc.nat(WINDOW * 2), (now, windowMs) => {
      const { retryDelayMs } = failedAttempt({ lostAt: 0, deadline: windowMs, lastAttemptAt: now }, now, { windowMs })
      assert.ok(retryDelayMs >= 1_000 && retryDelayMs <= 15_000)
    }),
  )
})

test('an attempt without memory of the outage takes the one that is shown; whose deadline has passed begins again, whole', () => {
  const shown = { state: 'reconnecting', lostAt: new Date(HOUR).toISOString(), deadline: new Date(13 * HOUR).toISOString() } as const
  const within = failedAttempt(shownOutage(shown, 12 * HOUR), 12 * HOUR, { windowMs: WINDOW })
  assert.deepEqual(within.outage, { lostAt: HOUR, deadline: 13 * HOUR, lastAttemptAt: 12 * HOUR })
  const after = failedAttempt(shownOutage(shown, 14 * HOUR), 14 * HOUR, { windowMs: WINDOW })
  assert.equal(after.expired, false)
  assert.deepEqual(after.outage, { lostAt: HOUR, deadline: 26 * HOUR, lastAttemptAt: 14 * HOUR })
  assert.equal(shownOutage({ state: 'connected' }, HOUR), undefined)
  assert.equal(shownOutage(undefined, HOUR), undefined)
})
