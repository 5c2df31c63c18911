import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { moneyIn } from '../demo/compare-ledger.ts'
import { compare } from '../demo/compare.ts'
import { loadShop } from '../demo/load-shop.ts'
import { withDatabase, withSession } from '../demo/session.ts'
import { sourceState } from '../demo/source-state.ts'
import { startWriter } from '../demo/writer.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import type { DataResult } from '../src/workflows/data-result.ts'
import type { ValidationResult } from '../src/workflows/metadata-result.ts'
import { startMigration } from './bench-migration.ts'
import type { BenchOptions } from './bench-options.ts'
import { loadMix } from './copy-data.ts'
import { DURABLE } from './machine-facts.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'
import { closing } from './stream-rig.ts'
import { passed, validateReport } from './validate-report.ts'
import type { LiveFigures, StillFigures } from './validate-report.ts'

const PER_SECOND = 1000
const CONNECTIONS = 8
const SECONDS = 60
const PATIENCE_S = 1800
const LOOK_MS = 2000
/** An identifier that no cart of the shop has. */
const EXTRA_CART = '00000000-0000-4000-8000-00000000dead'

interface Rig {
  readonly client: Client
  readonly address: string
  readonly source: string
  readonly target: string
  readonly folder: string
  readonly closers: (() => Promise<unknown>)[]
}

/**
 * How fast rows are compared beside how fast they were copied, in what memory; and whether anything is taken for a difference while an
 * application writes as fast as it can. 0 if the limits held and what was planted, nothing else, was found.
 */
export async function validate(options: BenchOptions): Promise<number> {
  const { scale, from, to, record } = options
  return closing(async (closers) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const settings = { ...DURABLE, max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '512MB' }
    const servers = [await startPostgres({ major: from, settings }), await startPostgres({ major: to, settings })] as const
    for (const server of servers) closers.push(() => server.stop())
    const temporal = await startTemporal()
    closers.push(() => temporal.stop())
    const connection = await Connection.connect({ address: temporal.address })
    closers.push(() => connection.close())
    const rigOf = async (name: string): Promise<Rig> => {
      for (const server of servers) await withSession(server.url('postgres'), (s) => s.query(`create database ${name}`))
      const [source, target] = [withDatabase(servers[0].url('postgres'), name), withDatabase(servers[1].url('postgres'), name)]
      return { client: new Client({ connection }), address: temporal.address, source, target, folder, closers }
    }
    const still = await whileNobodyWrites(await rigOf('mix'), scale)
    const live = await underLoad(await rigOf('shop'), scale)
    const text = validateReport({ scale, from, to }, still, live)
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Validation', text)
    return passed(still, live) ? 0 : 1
  })
}

/** Compares all rows by checksums. */
async function compareRows({ client }: Rig, taskQueue: string, number: number): Promise<DataResult> {
  const argument = { source: { env: 'BENCH_SOURCE' }, target: { env: 'BENCH_TARGET' }, validation: { what: ['data'] } }
  const started = { taskQueue, workflowId: `${taskQueue}-${number}-${process.pid}`, args: [argument] }
  const { data } = (await client.workflow.execute('validateMigration', started)) as ValidationResult
  assert.ok(data)
  return data
}

async function whileNobodyWrites(rig: Rig, scale: number): Promise<StillFigures> {
  const { client, address, source, target, folder, closers } = rig
  say('Loading the mix of the bench copy')
  await withSession(source, (s) => loadMix(s, scale))
  const env = { BENCH_SOURCE: source, BENCH_TARGET: target, TEMPORAL_ADDRESS: address }
  const worker = startMeasuredWorker(env, path.join(folder, 'copy.log'))
  closers.push(() => worker.stop())
  const migration = await startMigration(client, 'validate-mix', 'BENCH_TARGET', { copy: { tableJobs: 2, indexJobs: 2 } })
  await migration.reach('incremental', PATIENCE_S, LOOK_MS)
  // What the comparison takes shows in a process that does nothing else.
  const taskQueue = 'validate-mix'
  const validating = startMeasuredWorker({ ...env, PGMOVE_TASK_QUEUE: taskQueue }, path.join(folder, 'validate.log'))
  closers.push(() => validating.stop())
  await client.workflow.execute('testConnection', {
    taskQueue,
    workflowId: `${taskQueue}-idle`,
    args: [{ source: { env: 'BENCH_SOURCE' }, target: { env: 'BENCH_TARGET' } }],
  })
  const idleBytes = validating.memory.mark()
  const cpuBefore = validating.cpuSeconds()
  const began = performance.now()
  const result = await compareRows(rig, taskQueue, 0)
  const compareSeconds = (performance.now() - began) / 1000
  assert.deepEqual([result.status, result.differing.total, result.notCompared.total], ['Passed', 0, 0])
  const [peakBytes, cpuSeconds] = [validating.memory.mark(), validating.cpuSeconds() - cpuBefore]
  await validating.stop()
  await migration.signal('cutover')
  const { full = 0 } = (await migration.result()).durations
  await worker.stop()
  say(`copied in ${(full / 1000).toFixed(1)} s, compared in ${compareSeconds.toFixed(1)} s`)
  return { rows: result.rows, copySeconds: full / 1000, compareSeconds, idleBytes, peakBytes, cpuSeconds }
}

async function underLoad(rig: Rig, scale: number): Promise<LiveFigures> {
  const { client, address, source, target, folder, closers } = rig
  await loadShop(source, scale)
  const before = await sourceState(source)
  const money = await withSession(source, moneyIn)
  const env = { BENCH_SOURCE: source, BENCH_TARGET: target, TEMPORAL_ADDRESS: address }
  const worker = startMeasuredWorker(env, path.join(folder, 'live.log'))
  closers.push(() => worker.stop())
  const writer = await startWriter(source, { ledger: path.join(folder, 'ledger'), connections: CONNECTIONS, rate: PER_SECOND })
  closers.push(() => writer.stop())
  // Behind the fence it can't write any more, and ends.
  writer.failure.catch(() => undefined)
  const migration = await startMigration(client, 'validate-shop', 'BENCH_TARGET', { cutover: { fence: 'readOnly', validate: 'checksum' } })
  await migration.undelayed(PATIENCE_S)
  const [commits, began] = [writer.commits, performance.now()]
  const results: DataResult[] = []
  while (performance.now() - began < SECONDS * 1000) results.push(await compareRows(rig, 'pgmove', results.length))
  const perSecond = (writer.commits - commits) / ((performance.now() - began) / 1000)
  await withSession(target, (s) => s.query(`insert into shop.carts values ('${EXTRA_CART}', '{}')`))
  const { differing } = await compareRows(rig, 'pgmove', results.length)
  await withSession(target, (s) => s.query(`delete from shop.carts where session = '${EXTRA_CART}'`))
  say(`${perSecond.toFixed(0)} transactions a second, ${results.length} comparisons; the cutover`)
  await migration.undelayed(PATIENCE_S)
  await migration.signal('cutover')
  const report = await migration.result()
  worker.check()
  const ledger = await writer.stop()
  for (const line of report.left) await withSession(source, (s) => s.query(`begin read write; ${line.split('): ')[1]}; commit`))
  const checks = await compare({ source, target, before, book: { ledger, money } })
  assert.deepEqual(
    checks.filter((check) => check.differences.length > 0),
    [],
  )
  assert.ok(report.cutover)
  return {
    perSecond,
    comparisons: results.length,
    rows: results[0]?.rows ?? '0',
    alarms: results.filter(({ status }) => status === 'Failed').length,
    undecided: results.filter(({ differing: { items } }) => items.some(({ undecided }) => undecided > 0)).length,
    planted: differing.items.map(({ table, missing, extra, different }) => ({ table, rows: missing + extra + different })),
    cutover: report.cutover,
  }
}
