import assert from 'node:assert/strict'
import type { Client } from '@temporalio/client'
import { eventually } from '../dev/eventually.ts'
import { openSession, withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { startApplication } from './application.ts'
import type { LockWaits } from './application.ts'
import { startMigration } from './bench-migration.ts'
import { bigTransaction, fingerprints } from './big-data.ts'
import type { MeasuredWorker } from './measured-worker.ts'
import type { TARGETS } from './memory.ts'
import { appliesMuch, caughtUp, copiedBytes, leftovers, secondsUntil, secondsUntilStill, streams } from './observed-work.ts'

export interface Places {
  readonly client: Client
  /** URLs of the databases. */
  readonly source: string
  readonly target: (name: keyof typeof TARGETS) => string
  readonly worker: MeasuredWorker
  readonly scale: number
  readonly say: (line: string) => void
}

export interface WholeMigration {
  /** Peaks of the worker's resident memory. */
  readonly startBytes: number
  readonly copyBytes: number
  readonly streamBytes: number
  readonly cutoverBytes: number
  readonly tableBytes: number
  readonly changes: number
  readonly lockWaits: LockWaits
  readonly copySeconds: number
  readonly streamSeconds: number
}

type Reactions = Record<string, number>

/** A migration from the first table to cutover, with everything measured on the way that does not end it. */
export async function wholeMigration(places: Places): Promise<WholeMigration & { seconds: Reactions }> {
  const { worker, say } = places
  const source = await openSession(places.source, 'bench')
  const target = await openSession(places.target('BENCH_TARGET'), 'bench')
  const application = await startApplication(places.source)
  const seconds: Reactions = {}
  try {
    const migration = await startMigration(places.client, 'bench', 'BENCH_TARGET')
    await migration.reach('schema', 120)
    const startBytes = worker.memory.mark()
    await migration.reach('full', 120)
    const tableBytes = Number((await source.query(`select pg_table_size('public.wide')::text as bytes`))[0]?.['bytes'])
    const copyBegan = performance.now()
    await copied(target, 0.25 * tableBytes)
    say('A statement of the application wants the table for itself')
    seconds['ACCESS EXCLUSIVE granted on a table that is being copied'] = await application.lockExclusively('public.wide')
    await copied(target, 0.25 * tableBytes)
    Object.assign(seconds, await pausedCopy(places, migration, target))
    await migration.undelayed(1800)
    const copySeconds = (performance.now() - copyBegan) / 1000
    const copyBytes = worker.memory.mark()
    say(`Copied; peak ${megabytes(copyBytes)}`)

    const changes = await withSession(places.source, (session) => bigTransaction(session, places.scale))
    const streamBegan = performance.now()
    const applied = await caughtUp(source, target)
    Object.assign(seconds, await pausedStream(places, migration, source, target))
    await eventually('the big transaction applied', 1800, applied)
    const streamSeconds = (performance.now() - streamBegan) / 1000
    const streamBytes = worker.memory.mark()
    say(`The big transaction is applied; peak ${megabytes(streamBytes)}`)
    seconds['ACCESS EXCLUSIVE granted on a table that is streamed'] = await application.lockExclusively('public.account')

    const lockWaits = await application.stop()
    await migration.signal('cutover')
    const report = await migration.result()
    assert.deepEqual(report.left, [])
    assert.deepEqual(await fingerprints(target), await fingerprints(source), 'the target differs from the source')
    assert.deepEqual(await leftovers(source), [])
    worker.check()
    say(`Equal; ${application.transactions} transactions of the application`)
    const cutoverBytes = worker.memory.mark()
    return { startBytes, copyBytes, streamBytes, cutoverBytes, tableBytes, changes, lockWaits, copySeconds, streamSeconds, seconds }
  } finally {
    await application.stop()
    await source.close()
    await target.close()
  }
}

type Running = Awaited<ReturnType<typeof startMigration>>

async function pausedCopy({ say }: Places, migration: Running, target: Session): Promise<Reactions> {
  say('Pausing the copy')
  const pausedAt = performance.now()
  await migration.signal('pause')
  const pause = await secondsUntilStill(() => copiedBytes(target), pausedAt)
  const held = await copiedBytes(target)
  const resumedAt = performance.now()
  await migration.signal('resume')
  const resume = await secondsUntil('the copy going on', async () => (await copiedBytes(target)) > held, resumedAt)
  return { 'pause while copying: bytes stand still': pause, 'resume while copying: bytes move': resume }
}

async function pausedStream({ say }: Places, migration: Running, source: Session, target: Session): Promise<Reactions> {
  await eventually('the big transaction being applied', 300, () => appliesMuch(target))
  say('Pausing the stream')
  const pausedAt = performance.now()
  await migration.signal('pause')
  const pause = await secondsUntil('the end of the stream', async () => !(await streams(source)), pausedAt)
  const resumedAt = performance.now()
  await migration.signal('resume')
  const resume = await secondsUntil('the stream', () => streams(source), resumedAt)
  return {
    'pause within a transaction of 1,000,000 changes: walsender gone': pause,
    'resume of the stream: walsender there': resume,
  }
}

/** A migration that is cancelled while it copies. */
export async function cancelledCopy(places: Places): Promise<Reactions> {
  return cancelled(places, 'BENCH_TARGET_2', {}, async ({ migration, source, target }) => {
    await migration.reach('full', 120)
    const tableBytes = Number((await source.query(`select pg_table_size('public.wide')::text as bytes`))[0]?.['bytes'])
    await copied(target, 0.25 * tableBytes)
    return { what: 'cancel while copying: COPY gone', gone: async () => (await copiedBytes(target)) === 0 }
  })
}

/** A migration that is cancelled while it applies a big transaction. */
export async function cancelledStream(places: Places): Promise<Reactions> {
  const more = { exclude: [{ schema: 'public', table: 'wide' }] }
  return cancelled(places, 'BENCH_TARGET_3', more, async ({ migration, source, target }) => {
    await migration.undelayed(300)
    await withSession(places.source, (session) => session.query('update public.event set amount = amount + 1'))
    await eventually('the big transaction being applied', 300, () => appliesMuch(target))
    return { what: 'cancel within a big transaction: walsender gone', gone: async () => !(await streams(source)) }
  })
}

interface Scene {
  readonly migration: Running
  readonly source: Session
  readonly target: Session
}

type Prepare = (scene: Scene) => Promise<{ what: string; gone: () => Promise<boolean> }>

async function cancelled(places: Places, name: keyof typeof TARGETS, more: object, prepare: Prepare): Promise<Reactions> {
  const source = await openSession(places.source, 'bench')
  const target = await openSession(places.target(name), 'bench')
  try {
    const migration = await startMigration(places.client, `bench ${name}`, name, more)
    const { what, gone } = await prepare({ migration, source, target })
    places.say(`Cancelling (${what})`)
    const cancelledAt = performance.now()
    await migration.cancel()
    const seconds = await secondsUntil(what, gone, cancelledAt)
    await migration.result().catch(() => undefined)
    places.say(`Cancelled; the source was released after ${((performance.now() - cancelledAt) / 1000).toFixed(1)} s`)
    assert.deepEqual(await leftovers(source), [])
    places.worker.check()
    return { [what]: seconds }
  } finally {
    await source.close()
    await target.close()
  }
}

async function copied(target: Session, bytes: number): Promise<void> {
  await eventually('a quarter of the table copied', 600, async () => (await copiedBytes(target)) > bytes)
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
