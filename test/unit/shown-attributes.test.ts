import assert from 'node:assert/strict'
import test from 'node:test'
import { placeOf } from '../../src/activities/find-search-attributes.ts'
import { ShownAttributes } from '../../src/workflows/search-attributes.ts'

const PLACES = { source: 'db1:5432/shop', target: 'db2:5432/shop' }
const stream = (seconds: number, undelayed = false) =>
  ({ phase: 'incremental', state: 'running', undelayed, lag: { bytes: '0', seconds } }) as const

test('all are set at first, then what has changed', () => {
  const shown = new ShownAttributes(PLACES)
  const begun = { phase: 'precheck', state: 'running', undelayed: false, lag: null } as const
  assert.deepEqual(shown.take(begun, 0), {
    PgmovePhase: 'precheck',
    PgmoveState: 'running',
    PgmoveSource: 'db1:5432/shop',
    PgmoveTarget: 'db2:5432/shop',
    PgmoveLag: 'none',
  })
  assert.equal(shown.take(begun, 1), undefined)
  assert.deepEqual(shown.take({ ...begun, state: 'waiting' }, 2), { PgmoveState: 'waiting' })
  assert.deepEqual(shown.take({ ...begun, phase: 'schema' }, 3), { PgmovePhase: 'schema', PgmoveState: 'running' })
})

test('a lag that goes to and fro over a border is set once a minute at most', () => {
  const shown = new ShownAttributes(PLACES)
  shown.take(stream(59), 0)
  let set = 0
  for (let now = 1_000; now <= 3_600_000; now += 1_000) if (shown.take(stream(now % 2_000 ? 61 : 59), now)) set++
  assert.ok(set > 10 && set <= 60, `${set} times in an hour`)
})

test('the first lag is shown at once', () => {
  const shown = new ShownAttributes(PLACES)
  shown.take({ phase: 'incremental', state: 'running', undelayed: false, lag: null }, 0)
  assert.deepEqual(shown.take(stream(1, true), 1), { PgmoveLag: 'undelayed' })
  assert.equal(shown.take(stream(90), 2), undefined)
})

test('a lag that is not known between two attempts of the stream stays what it was', () => {
  const shown = new ShownAttributes(PLACES)
  shown.take(stream(2, true), 0)
  assert.equal(shown.take({ phase: 'incremental', state: 'running', undelayed: false, lag: null }, 100_000), undefined)
  assert.deepEqual(shown.take(stream(3_600), 200_000), { PgmoveLag: 'over1h' })
  assert.deepEqual(shown.take({ phase: 'done', state: 'completed', undelayed: false, lag: null }, 200_001), {
    PgmovePhase: 'done',
    PgmoveState: 'completed',
    PgmoveLag: 'none',
  })
})

test('a place names hosts, ports and the database, and nothing else', () => {
  const host = { hostaddr: '', password: undefined }
  const hosts = [
    { ...host, host: 'db1', port: 5432 },
    { ...host, host: '::1', port: 5433 },
  ] as const
  assert.equal(placeOf({ hosts, database: 'shop' }), 'db1:5432,[::1]:5433/shop')
  assert.equal(placeOf({ hosts: [hosts[0]], database: 'x'.repeat(300) }).length, 200)
  assert.equal(placeOf(undefined), 'unknown')
})
