import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { openSession, withDatabase, withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { eventually } from '../dev/eventually.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { startMigration } from './bench-migration.ts'
import type { BenchMigration } from './bench-migration.ts'
import { cpuSeconds } from './cpu-seconds.ts'
import { DURABLE } from './machine-facts.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import type { MeasuredWorker } from './measured-worker.ts'
import { streams } from './observed-work.ts'
import { say } from './say.ts'

/** How long the slowest step may take. */
export const PATIENCE_S = 1800

/** A source with two replicas of some tables: one that pgmove feeds, in its phase incremental, and one that PostgreSQL's own subscription feeds. Both stand still at first. */
export interface StreamRig {
  readonly sourceUrl: string
  readonly source: Session
  /** Pgmove's. */
  readonly target: Session
  /** The subscription's. */
  readonly native: Session
  readonly worker: MeasuredWorker
  readonly migration: BenchMigration
  /** Each returns when the stream flows, or when it has ended. */
  resumePgmove(): Promise<void>
  pausePgmove(): Promise<void>
  enableNative(): Promise<void>
  disableNative(): Promise<void>
  /** CPU seconds of the processes that stream and apply, since each began: the servers' only. */
  serverCpu(who: 'pgmove' | 'native'): Promise<{ readonly walsender: number; readonly apply: number }>
  /** Ends the subscription, cuts over and checks that nothing is left of pgmove. */
  finish(): Promise<void>
}

export interface StreamRigOptions {
  readonly name: string
  readonly from: number
  readonly to: number
  /** Makes and fills the tables; called for the source and for the subscription's replica, which must become equal. */
  readonly load: (url: string) => Promise<void>
  readonly tables: readonly string[]
  /** Slots to make beside those of pgmove and the subscription, with pgoutput. */
  readonly slots?: readonly string[]
  /** Gets what is to be called in reverse order in the end. */
  readonly closers: (() => Promise<unknown>)[]
}

export async function streamRig({ name, from, to, load, tables, slots = [], closers }: StreamRigOptions): Promise<StreamRig> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const settings = { ...DURABLE, max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '512MB' }
  const sourceServer = await startPostgres({ major: from, settings })
  closers.push(() => sourceServer.stop())
  const targetServer = await startPostgres({ major: to, settings })
  closers.push(() => targetServer.stop())
  const temporal = await startTemporal()
  closers.push(() => temporal.stop())
  const connection = await Connection.connect({ address: temporal.address })
  closers.push(() => connection.close())
  const sourceUrl = withDatabase(sourceServer.url('postgres'), 'bench')
  const targetUrl = withDatabase(targetServer.url('postgres'), 'bench')
  const nativeUrl = withDatabase(targetServer.url('postgres'), 'native')
  await withSession(sourceServer.url('postgres'), (s) => s.query('create database bench'))
  for (const database of ['bench', 'native']) await withSession(targetServer.url('postgres'), (s) => s.query(`create database ${database}`))
  for (const url of [sourceUrl, nativeUrl]) await load(url)
  const session = async (url: string): Promise<Session> => {
    const opened = await openSession(url, 'bench')
    closers.push(() => opened.close())
    return opened
  }
  const [source, target, native] = [await session(sourceUrl), await session(targetUrl), await session(nativeUrl)]
  const worker = startMeasuredWorker(
    { BENCH_SOURCE: sourceUrl, BENCH_TARGET: targetUrl, TEMPORAL_ADDRESS: temporal.address },
    path.join(folder, 'worker.log'),
  )
  closers.push(() => worker.stop())
  const migration = await startMigration(new Client({ connection }), name, 'BENCH_TARGET')
  await migration.undelayed(PATIENCE_S)

  const isFree = async () => (await source.query(`select from pg_replication_slots where slot_name = 'native' and active`)).length === 0
  const resumePgmove = async () => {
    await migration.signal('resume')
    await eventually('the stream', 60, () => streams(source))
  }
  const pausePgmove = async () => {
    await migration.signal('pause')
    await eventually('the end of the stream', 60, async () => !(await streams(source)))
  }
  await pausePgmove()
  await source.query(`create publication native for table ${tables.map((table) => `public.${table}`).join(', ')}`)
  for (const slot of ['native', ...slots]) await source.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  await native.query(
    `create subscription native connection 'host=127.0.0.1 port=${sourceServer.port} user=postgres dbname=bench' publication native
       with (connect = false, enabled = false, create_slot = false, slot_name = 'native')`,
  )
  await native.query(`alter subscription native set (slot_name = 'native')`)
  // Without a connection the subscription does not know its tables, which are equal already.
  await native.query(`alter subscription native enable`)
  await native.query('alter subscription native refresh publication with (copy_data = false)')
  const disableNative = async () => {
    await native.query('alter subscription native disable')
    await eventually('the slot to be free', 60, isFree)
  }
  await disableNative()

  const cpuOf = async (session: Session, query: string): Promise<number> =>
    (await session.query(query)).reduce((sum, { pid }) => sum + cpuSeconds(Number(pid)), 0)
  const appliers = {
    pgmove: `select pid::text from pg_stat_activity where datname = current_database() and application_name like 'pgmove % apply'`,
    native: `select pid::text from pg_stat_activity where datname = current_database() and backend_type like 'logical replication%worker'`,
  }
  return {
    sourceUrl,
    source,
    target,
    native,
    worker,
    migration,
    resumePgmove,
    pausePgmove,
    enableNative: async () => {
      await native.query('alter subscription native enable')
      await eventually('the subscription', 60, async () => !(await isFree()))
    },
    disableNative,
    serverCpu: async (who) => ({
      walsender: await cpuOf(
        source,
        `select pid::text from pg_stat_replication where application_name like '${who} %' or application_name = '${who}'`,
      ),
      apply: await cpuOf(who === 'pgmove' ? target : native, appliers[who]),
    }),
    finish: async () => {
      await native.query('alter subscription native set (slot_name = none)')
      await native.query('drop subscription native')
      await eventually('the slot to be free', 60, isFree)
      for (const slot of ['native', ...slots]) await source.query(`select pg_drop_replication_slot('${slot}')`)
      await migration.signal('resume')
      await migration.undelayed(PATIENCE_S)
      await migration.signal('cutover')
      const { left } = await migration.result()
      if (left.length > 0) throw new Error(`pgmove left on the source: ${left.join(', ')}`)
    },
  }
}

/** Runs a benchmark; whatever happens, closes what it has opened. */
export async function closing(work: (closers: (() => Promise<unknown>)[]) => Promise<number>): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  const end = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => say(String(error)))
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void end().finally(() => process.exit(130)))
  try {
    return await work(closers)
  } finally {
    await end()
  }
}
