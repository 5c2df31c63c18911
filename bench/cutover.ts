import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { moneyIn } from '../demo/compare-ledger.ts'
import { compare } from '../demo/compare.ts'
import { loadShop, shopSize } from '../demo/load-shop.ts'
import { withDatabase, withSession } from '../demo/session.ts'
import { sourceState } from '../demo/source-state.ts'
import { startWriter } from '../demo/writer.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import { startMigration } from './bench-migration.ts'
import type { BenchOptions } from './bench-options.ts'
import { DURABLE, machineFacts, measuredCommit } from './machine-facts.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'
import { closing } from './stream-rig.ts'

const PER_SECOND = 1000
const CONNECTIONS = 8
const SECONDS = 40
const LIMIT_MS = 2000
/** How long the slowest step may take. */
const PATIENCE_S = 1800

type Cutover = NonNullable<MigrationReport['cutover']>

/**
 * How long nobody can write at a cutover of the demo's shop, with the fence readOnly, while an application writes to it as fast as it can be
 * expected to. 0 if both sides were equal, each acknowledged commit on both.
 */
export async function cutover({ scale, from, to, record }: BenchOptions): Promise<number> {
  return closing(async (closers) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const settings = { ...DURABLE, max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '512MB' }
    const servers = [await startPostgres({ major: from, settings }), await startPostgres({ major: to, settings })] as const
    for (const server of servers) closers.push(() => server.stop())
    for (const server of servers) await withSession(server.url('postgres'), (s) => s.query('create database shop'))
    const [source, target] = [withDatabase(servers[0].url('postgres'), 'shop'), withDatabase(servers[1].url('postgres'), 'shop')]
    const temporal = await startTemporal()
    closers.push(() => temporal.stop())
    const connection = await Connection.connect({ address: temporal.address })
    closers.push(() => connection.close())
    say('The shop is filled')
    await loadShop(source, scale)
    const size = await shopSize(source)
    const before = await sourceState(source)
    const money = await withSession(source, moneyIn)
    const env = { BENCH_SOURCE: source, BENCH_TARGET: target, TEMPORAL_ADDRESS: temporal.address }
    const worker = startMeasuredWorker(env, path.join(folder, 'worker.log'))
    closers.push(() => worker.stop())
    const writer = await startWriter(source, { ledger: path.join(folder, 'ledger'), connections: CONNECTIONS, rate: PER_SECOND })
    closers.push(() => writer.stop())
    // Behind the fence it can't write any more, and ends.
    writer.failure.catch(() => undefined)

    const migration = await startMigration(new Client({ connection }), 'cutover', 'BENCH_TARGET', { cutover: { fence: 'readOnly' } })
    await migration.undelayed(PATIENCE_S)
    const commits = writer.commits
    const began = performance.now()
    await pause(SECONDS * 1000)
    const perSecond = (writer.commits - commits) / ((performance.now() - began) / 1000)
    say(`${perSecond.toFixed(0)} transactions a second; the cutover`)
    await migration.undelayed(60)
    await migration.signal('cutover')
    const report = await migration.result()
    worker.check()
    const ledger = await writer.stop()
    const { cutover } = report
    assert.ok(cutover)
    for (const line of report.left) await withSession(source, (s) => s.query(`begin read write; ${line.split('): ')[1]}; commit`))
    const checks = await compare({ source, target, before, book: { ledger, money } })
    assert.deepEqual(
      checks.filter((check) => check.differences.length > 0),
      [],
    )
    const text = cutoverReport(cutover, { scale, from, to, perSecond, rows: size.rows, tables: size.tables, size: size.size })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Cutover', text)
    return cutover.downtimeMs <= LIMIT_MS ? 0 : 1
  })
}

interface Run {
  readonly scale: number
  readonly from: number
  readonly to: number
  readonly perSecond: number
  readonly rows: number
  readonly tables: number
  readonly size: string
}

function cutoverReport({ downtimeMs, steps }: Cutover, run: Run): string {
  const ms = (value: number) => `${value.toLocaleString('en')} ms`
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- cutover${run.scale === 1 ? '' : ` --scale ${run.scale}`}\`,`,
    `PostgreSQL ${run.from} → ${run.to}, one run: ${machineFacts([], true)}. The demo's shop, ${run.tables} tables with ${run.rows.toLocaleString('en')} rows, ${run.size},`,
    `under ${run.perSecond.toFixed(0)} transactions a second of ${CONNECTIONS} connections until the fence \`readOnly\` ended them; row counts compared, no checksums. Both sides were equal`,
    'afterwards, and each commit that the application saw acknowledged was on both.',
    '',
    '| step | time |',
    '|---|---|',
    ...steps.map(({ step, startedAt, endedAt }) => `| \`${step}\` | ${ms(Date.parse(endedAt) - Date.parse(startedAt))} |`),
    `| write downtime: from the fence until the target was ready (limit ${ms(LIMIT_MS)}) | ${ms(downtimeMs)} |`,
  ].join('\n')
}
