import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Client, Connection } from '@temporalio/client'
import { openSession, withDatabase, withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { eventually } from '../dev/eventually.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import type { BenchOptions } from './bench-options.ts'
import { startMigration } from './bench-migration.ts'
import { CHANGED_TABLES, changedFingerprints, hotStream, loadChangeTables, mixedStream } from './change-load.ts'
import { incrementalReport } from './incremental-report.ts'
import type { StreamFigures } from './incremental-report.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { streams } from './observed-work.ts'
import { recordSection } from './record-section.ts'

const run = promisify(execFile)
const PATIENCE_S = 1800

/**
 * The same change streams applied by PostgreSQL's own subscription and by pgmove, one after the other, each from a slot that waited while
 * the stream was written; and only decoded, by pg_recvlogical. 0 if the results were equal.
 */
export async function incremental({ scale, from, to, record }: BenchOptions): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  const end = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => say(String(error)))
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void end().finally(() => process.exit(130)))
  try {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const settings = { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '512MB' }
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
    for (const name of ['bench', 'native']) await withSession(targetServer.url('postgres'), (s) => s.query(`create database ${name}`))
    say(`Loading (scale ${scale})`)
    for (const url of [sourceUrl, nativeUrl]) await loadChangeTables(url, scale)
    const sessions: Session[] = []
    for (const url of [sourceUrl, targetUrl, nativeUrl]) {
      const session = await openSession(url, 'bench')
      closers.push(() => session.close())
      sessions.push(session)
    }
    const [source, target, native] = sessions as [Session, Session, Session]

    const worker = startMeasuredWorker(
      { BENCH_SOURCE: sourceUrl, BENCH_TARGET: targetUrl, TEMPORAL_ADDRESS: temporal.address },
      path.join(folder, 'worker.log'),
    )
    closers.push(() => worker.stop())
    const migration = await startMigration(new Client({ connection }), 'bench incremental', 'BENCH_TARGET')
    await migration.undelayed(PATIENCE_S)
    await migration.signal('pause')
    await eventually('the end of the stream', 60, async () => !(await streams(source)))
    await source.query(`create publication native for table ${CHANGED_TABLES.map((table) => `public.${table}`).join(', ')}`)
    for (const slot of ['native', 'decoded']) await source.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    const { port } = new URL(sourceUrl)
    await native.query(
      `create subscription native connection 'host=127.0.0.1 port=${port} user=postgres dbname=bench' publication native
         with (connect = false, enabled = false, create_slot = false, slot_name = 'native')`,
    )
    await native.query(`alter subscription native set (slot_name = 'native')`)
    // Without a connection the subscription does not know its tables, which are equal already.
    await native.query(`alter subscription native enable`)
    await native.query('alter subscription native refresh publication with (copy_data = false)')
    await native.query('alter subscription native disable')
    const isFree = async () => (await source.query(`select from pg_replication_slots where slot_name = 'native' and active`)).length === 0

    const measure = async (stream: string, write: (url: string, scale: number) => Promise<number>): Promise<StreamFigures> => {
      await eventually('the slot to be free', 60, isFree)
      say(`Writing the stream "${stream}"`)
      const changes = await write(sourceUrl, scale)
      const [{ lsn } = {}] = await source.query('select pg_current_wal_insert_lsn()::text as lsn')
      const decoded = await secondsOf(async () => {
        const args = [
          '-S',
          'decoded',
          '--start',
          '-n',
          '-F',
          '0',
          '-f',
          '/dev/null',
          '-o',
          'proto_version=1',
          '-o',
          'publication_names=native',
        ]
        await run(await clientProgram('pg_recvlogical', 10), ['-d', sourceUrl, ...args, `--endpos=${lsn ?? ''}`])
      })
      say(`Only decoded: ${decoded.toFixed(1)} s`)
      const nativeSeconds = await secondsUntilFinished(native, stream, async () => {
        await native.query('alter subscription native enable')
        await eventually('the subscription', 60, async () => !(await isFree()))
      })
      await native.query('alter subscription native disable')
      say(`PostgreSQL's subscription: ${nativeSeconds.toFixed(1)} s`)
      worker.memory.mark()
      const pgmove = await secondsUntilFinished(target, stream, async () => {
        await migration.signal('resume')
        await eventually('the stream', 60, () => streams(source))
      })
      const peakBytes = worker.memory.mark()
      worker.check()
      say(`pgmove: ${pgmove.toFixed(1)} s`)
      await migration.signal('pause')
      await eventually('the end of the stream', 60, async () => !(await streams(source)))
      const prints = await changedFingerprints(source)
      assert.deepEqual(await changedFingerprints(native), prints, "the subscription's result differs")
      assert.deepEqual(await changedFingerprints(target), prints, "pgmove's result differs")
      return { stream, changes, decoded, native: nativeSeconds, pgmove, peakBytes }
    }
    const figures = [await measure('mixed', mixedStream), await measure('hot', hotStream)]

    await native.query('alter subscription native set (slot_name = none)')
    await native.query('drop subscription native')
    await eventually('the slot to be free', 60, isFree)
    for (const slot of ['native', 'decoded']) await source.query(`select pg_drop_replication_slot('${slot}')`)
    await migration.signal('resume')
    await migration.undelayed(PATIENCE_S)
    await migration.signal('cutover')
    assert.deepEqual((await migration.result()).left, [])
    const text = incrementalReport(figures, { scale, from, to })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Incremental', text)
    return 0
  } finally {
    await end()
  }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** From the moment `start` returns, when the stream flows, until its last transaction is visible. */
async function secondsUntilFinished(session: Session, stream: string, start: () => Promise<unknown>): Promise<number> {
  await start()
  return secondsOf(() =>
    eventually(`the end of the stream "${stream}"`, PATIENCE_S, async () => {
      return (await session.query('select from public.finished where stream = $1', [stream])).length > 0
    }),
  )
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
}
