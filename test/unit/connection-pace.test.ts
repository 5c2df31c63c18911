import assert from 'node:assert/strict'
import test from 'node:test'
import { ConnectionPace } from '../../src/activities/connection-pace.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import type { ErrorKind } from '../../src/errors/error-kind.ts'

const never = new AbortController().signal
const PACE = 40
const refused = (kind: ErrorKind = 'ConnectionLost') => Promise.reject(new MigrationError(kind, 'refused', { side: 'source' }))

test('while the server is away one tries for all, and at the pace', async () => {
  const pace = new ConnectionPace()
  const times: number[] = []
  const attempt = () => {
    times.push(performance.now())
    return refused()
  }
  pace.lost()
  for (let round = 0; round < 5; round++) {
    const all = Array.from({ length: 6 }, () => pace.reach(attempt, never, PACE))
    for (const result of await Promise.allSettled(all)) {
      assert.ok(result.status === 'rejected' && (result.reason as MigrationError).kind === 'ConnectionLost')
    }
  }
  assert.equal(times.length, 5)
  // A timer may fire up to a millisecond early.
  for (const [i, time] of times.slice(1).entries()) assert.ok(time - (times[i] ?? 0) >= PACE - 2)
  pace.shareAmong(3)
  await assert.rejects(pace.reach(attempt, never, PACE), { kind: 'ConnectionLost' })
  assert.ok((times[5] ?? 0) - (times[4] ?? 0) >= 3 * PACE - 2)
})

test('once one has succeeded everybody connects, without a pace', async () => {
  const pace = new ConnectionPace()
  pace.lost()
  let made = 0
  const attempt = async () => ++made
  const results = await Promise.all(Array.from({ length: 4 }, () => pace.reach(attempt, never, 60_000)))
  assert.deepEqual(results, [1, 2, 3, 4])
  assert.equal(pace.away, false)
  pace.lost()
  assert.equal(await pace.reach(attempt, never, 60_000), 5)
})

test('an answer of the server is its own affair of each: it is not away', async () => {
  const pace = new ConnectionPace()
  pace.lost()
  let asked = 0
  const attempt = () => {
    asked++
    return refused('AuthenticationFailed')
  }
  const all = await Promise.allSettled([1, 2, 3].map(() => pace.reach(attempt, never, PACE)))
  assert.ok(all.every(({ status }) => status === 'rejected'))
  assert.equal(asked, 3)
  assert.equal(pace.away, false)
})

test('who gives up leaves the attempt to the next, and waits for nobody', async () => {
  const pace = new ConnectionPace()
  await assert.rejects(
    pace.reach(() => refused(), never),
    { kind: 'ConnectionLost' },
  )
  const [first, second] = [new AbortController(), new AbortController()]
  const leader = pace.reach(async () => 'leader', first.signal, 500)
  const follower = pace.reach(async () => 'follower', never, 1)
  const impatient = pace.reach(async () => 'impatient', second.signal, 1)
  second.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  first.abort(new Error('cancelled'))
  await assert.rejects(leader, /cancelled/)
  assert.equal(await follower, 'follower')
})
