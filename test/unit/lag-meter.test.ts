import assert from 'node:assert/strict'
import test from 'node:test'
import { LagMeter } from '../../src/replication/lag-meter.ts'

function meter(undelayedMs = 10_000): { clock: { now: number }; lag: LagMeter } {
  const clock = { now: 0 }
  return { clock, lag: new LagMeter(() => clock.now, undelayedMs) }
}

test('nothing is known before the first beat has arrived', () => {
  const { lag, clock } = meter()
  lag.sent('1')
  clock.now = 60_000
  assert.equal(lag.lagMs, undefined)
  assert.equal(lag.undelayed, false)
})

test('the lag is the way of the newest beat, and grows while a beat is under way', () => {
  const { lag, clock } = meter()
  lag.sent('1')
  clock.now = 300
  lag.arrived('1')
  assert.equal(lag.lagMs, 300)
  assert.equal(lag.undelayed, true)
  lag.sent('2')
  clock.now = 12_000
  assert.equal(lag.lagMs, 11_700)
  assert.equal(lag.undelayed, false)
})

test('a beat that arrives overtakes those before it', () => {
  const { lag, clock } = meter()
  lag.sent('1')
  clock.now = 1_000
  lag.sent('2')
  clock.now = 1_500
  lag.arrived('2')
  assert.equal(lag.lagMs, 500)
})

test('a beat of an earlier attempt tells nothing', () => {
  const { lag } = meter()
  lag.arrived('7')
  assert.equal(lag.lagMs, undefined)
})

test('a beat that arrives before its write has returned counts from before the write', () => {
  const { lag, clock } = meter()
  clock.now = 400
  lag.arrived('1')
  clock.now = 500
  lag.sent('1', 100)
  assert.equal(lag.lagMs, 400)
  clock.now = 90_000
  assert.equal(lag.lagMs, 400)
})

test('beats that never arrive are not collected without bound, and the oldest keeps telling the lag', () => {
  const { lag, clock } = meter()
  lag.sent('0')
  lag.arrived('0')
  for (let i = 1; i < 5_000; i++) {
    clock.now = i * 1_000
    lag.sent(String(i))
  }
  clock.now = 5_000_000
  assert.equal(lag.lagMs, 5_000_000 - 1_000)
})
