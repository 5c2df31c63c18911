import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { TemporalPart } from '../../dev/temporal-part.ts'
import { PositionSampler } from '../../soak/position-sampler.ts'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Side } from '../../src/errors/error-kind.ts'
import { eventually, ownServer, server } from '../servers.ts'
import { FAILPOINT_WORKER, faultRun, LIMIT } from './fault-run.ts'
import { outageEvents } from './outage-events.ts'
import { wayTo } from './way-to.ts'

/** An outage may cost so many events of the history. */
const EVENTS = 12
const TURNED_AWAY = 3
const ONE_MEGABIT = 125_000
const HOUR_MS = 3_600_000

const closers: (() => Promise<unknown>)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

/** At most one attempt a second. Timers may fire a little early, and an accepted connection may be noticed late. */
function assertPace(attempts: readonly number[], what: string): void {
  const [first = 0] = attempts
  for (const [i, at] of attempts.entries()) {
    assert.ok(at - first >= i * 1000 - 300, `${what}: ${i + 1} attempts within ${at - first} ms`)
  }
}

test('fault after fault in one migration: nothing is lost or doubled, no position confirmed that is not durable', LIMIT, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-faults-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const temporal = await TemporalPart.start(folder)
  closers.push(() => temporal.stop())
  const [from, to] = [await ownServer(13), await server(17)]
  const ways = { source: await wayTo(from), target: await wayTo(to) }
  const run = await faultRun({
    from,
    to,
    temporal,
    through: { target: (url) => ways.target.through(url) },
    prepare: (on) => on.sql('create table shop.marks (mark int primary key)'),
    rate: 40,
  })
  const { source, target, migration, writer, failpoints, shiftClock } = run

  const reference = path.join(folder, 'source-url')
  const password = async (word: string): Promise<string> => {
    await source.sql(`alter role mover password '${word}'`)
    return ways.source.through(source.url).replace('postgres@', `mover:${word}@`)
  }
  await source.sql('create role mover superuser login')
  const [{ hba } = {}] = await source.sql(`select current_setting('hba_file') as hba`)
  await writeFile(hba ?? '', `host all mover all md5\n${await readFile(hba ?? '', 'utf8')}`)
  await source.sql('select pg_reload_conf()')
  await writeFile(reference, await password('first'))

  const sampler = new PositionSampler({ source: source.url, target: target.url })
  closers.push(() => sampler.stop())
  for (let i = 0; i < 2; i++) await migration.worker({}, FAILPOINT_WORKER)
  const running = await migration.start({
    ignoreWarnings: true,
    source: { file: reference },
    transferRate: { rowsPerSecond: 400 },
    reconnectWindow: '30m',
  })

  let mark = 0
  const moves = async (what: string): Promise<void> => {
    await source.sql(`insert into shop.marks values (${++mark})`)
    await eventually(
      `${what}: a change on the target`,
      40,
      async () => (await target.sql(`select from shop.marks where mark = ${mark}`)).length > 0,
    )
    await running.reach(`${what}: the stream`, (s) => s.state === 'running', 40)
  }
  const events = async (): Promise<number> => Number((await running.handle.describe()).historyLength)
  const outage = async (side: Side): Promise<void> => {
    const way = ways[side]
    const known = way.attempts.length
    way.turnAway()
    await running.reach(`the loss of the ${side}`, (s) => s.connection[side].state === 'reconnecting', 40)
    await eventually('attempts', 40, () => way.attempts.length >= known + TURNED_AWAY)
    await way.heal()
    await running.reach(`the return of the ${side}`, (s) => s.connection[side].state === 'connected', 40)
    assertPace(way.attempts.slice(known), `the ${side}`)
  }

  await t.test('both servers are away in the copy: all lanes together try once a second', async () => {
    for (const side of ['source', 'target'] as const) {
      await running.reach('the copy', (s) => s.phase === 'full', 60)
      await outage(side)
      assert.equal((await running.status()).phase, 'full')
    }
    await running.signal('setTransferRate', { rowsPerSecond: null })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
  })

  await t.test('each server is away for seconds: few events', async () => {
    for (const side of ['source', 'target'] as const) {
      await moves('before')
      const before = await events()
      await outage(side)
      await running.reach('undelayed again', (s) => s.undelayed, 60)
      // Reports that come every 20 s, and what an earlier one still costs, are none of the outage's.
      const cost = await outageEvents(running.handle, side, before)
      assert.ok(cost.length <= EVENTS, `the outage of the ${side} cost ${cost.length} events:\n${cost.join('\n')}`)
      await moves(`the ${side} is back`)
    }
  })

  await t.test('the clock of the workers jumps by more than the reconnect window, in the stream and in an outage', async () => {
    for (const hours of [1, -1]) {
      shiftClock(hours * HOUR_MS)
      await moves(`${hours} h ahead`)
      const { lag } = await running.reach('a lag that can be', (s) => s.undelayed && s.lag !== null && s.lag.seconds < 60, 60)
      assert.ok(lag && lag.seconds >= 0, `a lag of ${lag?.seconds} s`)
    }
    for (const [side, hours] of [
      ['source', 1],
      ['target', 0],
    ] as const) {
      const way = ways[side]
      way.turnAway()
      await running.reach(`the loss of the ${side}`, (s) => s.connection[side].state === 'reconnecting', 40)
      const known = way.attempts.length
      shiftClock(hours * HOUR_MS)
      await eventually('attempts', 60, () => way.attempts.length >= known + 2)
      assert.equal((await running.status()).connection[side].state, 'reconnecting')
      await way.heal()
      await moves(`the ${side} is back after a jump of the clock`)
    }
  })

  await t.test('connections are reset again and again', async () => {
    for (let i = 0; i < 8; i++) {
      ways[i % 2 === 0 ? 'source' : 'target'].cut()
      await pause(400)
    }
    await moves('after resets')
  })

  await t.test('half open, slow and narrow ways', async () => {
    for (const side of ['source', 'target'] as const) {
      ways[side].loseServer()
      await pause(1500)
      await ways[side].heal()
      await moves(`the ${side} was half open`)
    }
    for (const way of [ways.source, ways.target]) {
      way.delay(50)
      way.throttle(ONE_MEGABIT)
    }
    await moves('slow and narrow')
    for (const way of [ways.source, ways.target]) await way.heal()
  })

  await t.test("the applying worker's event loop hangs until a second attempt has begun: the first is fenced when it wakes", async () => {
    const attempt = async (): Promise<number> => {
      const { raw } = await running.handle.describe()
      return Math.max(0, ...(raw.pendingActivities ?? []).map((pending) => Number(pending.attempt)))
    }
    const first = await attempt()
    failpoints.order(FAILPOINTS.groupCommitted, 'hang')
    await eventually('the hanging worker', 30, () => failpoints.followed(FAILPOINTS.groupCommitted))
    // Temporal may give the second one to the worker that hangs: nothing tells it that nobody is there to take it up.
    await eventually('the second attempt', 60, async () => (await attempt()) > first)
    failpoints.release(FAILPOINTS.groupCommitted)
    await moves('one attempt again')
  })

  await t.test('Temporal is killed, and comes back with its database: the stream goes on meanwhile', async () => {
    const back = temporal.restart('kill', 2000)
    await source.sql(`insert into shop.marks values (${++mark})`)
    await eventually(
      'a change without Temporal',
      40,
      async () => (await target.sql(`select from shop.marks where mark = ${mark}`)).length > 0,
    )
    await back
    await running.reach('undelayed replication', (s) => s.undelayed, 60)
    await moves('Temporal is back')
  })

  await t.test('the password changes: it waits for its operator, and goes on with the new one', async () => {
    const url = await password('second')
    await source.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'mover' and datname = current_database()`)
    const { errors } = await running.reach('the wait', (s) => s.state === 'waiting', 60)
    assert.equal(errors.items.at(-1)?.type, 'AuthenticationFailed')
    await writeFile(reference, url)
    await running.signal('resume')
    await running.reach('the stream', (s) => s.state === 'running' && s.undelayed, 60)
    await moves('the new password')
  })

  const report = await run.cutOver(running)
  assert.deepEqual(report.left, [])
  await run.assertMoved()
  assert.deepEqual(await sampler.stop(), [])
  assert.ok(sampler.samples > 100, `${sampler.samples} samples`)
  assert.ok(writer.commits > 200)
  const { errors } = await running.status()
  assert.deepEqual(
    errors.items.map(({ type }) => type),
    ['AuthenticationFailed'],
  )
})
