import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { moneyIn } from '../demo/compare-ledger.ts'
import { compare } from '../demo/compare.ts'
import { loadShop } from '../demo/load-shop.ts'
import { openSession, withDatabase, withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { sourceState } from '../demo/source-state.ts'
import { startWriter } from '../demo/writer.ts'
import { eventually } from '../dev/eventually.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { Way } from '../dev/way.ts'
import type { Status } from '../src/workflows/status.ts'
import { startMigration } from './bench-migration.ts'
import type { BenchOptions } from './bench-options.ts'
import { DURABLE } from './machine-facts.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { outageReport } from './outage-report.ts'
import type { Death, Outage } from './outage-report.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'
import { closing } from './stream-rig.ts'

const SHOP = 0.05
const PER_SECOND = 100
const CUT_SECONDS = 30
const DEATHS = 3
const PATIENCE_S = 1800

/**
 * How soon the stream moves again when a server is back after 30 s, and when the worker that applies has died beside another one; how often a
 * server that is away is tried, and what an outage costs in the history. 0 if all is within the limits and both sides were equal.
 */
export async function outage({ scale, from, to, record }: BenchOptions): Promise<number> {
  return closing(async (closers) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const servers = [
      await startPostgres({ major: from, settings: DURABLE }),
      await startPostgres({ major: to, settings: DURABLE }),
    ] as const
    for (const server of servers) closers.push(() => server.stop())
    for (const server of servers) await withSession(server.url('postgres'), (s) => s.query('create database shop'))
    const [source, target] = [withDatabase(servers[0].url('postgres'), 'shop'), withDatabase(servers[1].url('postgres'), 'shop')]
    const ways = { source: await Way.open(servers[0].port), target: await Way.open(servers[1].port) }
    for (const way of Object.values(ways)) closers.push(async () => way.close())
    const temporal = await startTemporal()
    closers.push(() => temporal.stop())
    const connection = await Connection.connect({ address: temporal.address })
    closers.push(() => connection.close())
    await loadShop(source, SHOP)
    const before = await sourceState(source)
    const money = await withSession(source, moneyIn)
    const env = { BENCH_SOURCE: ways.source.through(source), BENCH_TARGET: ways.target.through(target), TEMPORAL_ADDRESS: temporal.address }
    let started = 0
    const startWorker = (): void => {
      const worker = startMeasuredWorker(env, path.join(folder, `worker-${++started}.log`))
      closers.push(() => worker.stop())
    }
    for (let i = 0; i < 2; i++) startWorker()
    const writer = await startWriter(source, { ledger: path.join(folder, 'ledger'), connections: 2, rate: PER_SECOND })
    closers.push(() => writer.stop())
    const client = new Client({ connection })
    const migration = await startMigration(client, 'outage', 'BENCH_TARGET')
    await migration.undelayed(PATIENCE_S)
    const here = await openSession(target, 'bench')
    closers.push(() => here.close())
    const describe = () => client.workflow.getHandle('outage').describe()

    const outages: Outage[] = []
    for (const side of ['source', 'target'] as const) {
      const way = ways[side]
      const events = (await describe()).historyLength
      say(`the ${side} is away`)
      way.turnAway()
      await pause(CUT_SECONDS * scale * 1000)
      const was = await applied(here)
      await way.admit()
      const back = performance.now()
      const movedMs = await untilMoved(here, was, back)
      const handle = client.workflow.getHandle('outage')
      await eventually('the return in the status', 60, async () => {
        const { connection: shown } = await handle.query<Status>('status')
        return shown[side].state === 'connected'
      })
      outages.push({ side, movedMs, attempts: [...way.attempts], events: (await describe()).historyLength - events })
      await migration.undelayed(60)
    }
    const deaths: Death[] = []
    for (let i = 0; i < DEATHS; i++) {
      const [pending] = (await describe()).raw.pendingActivities ?? []
      const pid = Number(pending?.lastWorkerIdentity?.split('@')[0])
      assert.ok(pid > 0, `which worker applies is not told: ${pending?.lastWorkerIdentity}`)
      say(`worker ${pid} dies`)
      process.kill(pid, 'SIGKILL')
      const died = performance.now()
      // What it had sent may still be committed.
      await pause(500)
      deaths.push({ movedMs: await untilMoved(here, await applied(here), died) })
      startWorker()
      await migration.undelayed(60)
      await pause(5000)
    }
    const ledger = await writer.stop()
    await migration.undelayed(60)
    await migration.signal('cutover')
    const { left } = await migration.result()
    assert.deepEqual(left, [])
    const checks = await compare({ source, target, before, book: { ledger, money } })
    assert.deepEqual(
      checks.filter((check) => check.differences.length > 0),
      [],
    )
    const { text, passed } = outageReport(outages, deaths, { from, to, seconds: CUT_SECONDS * scale, perSecond: PER_SECOND })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Outages', text)
    return passed ? 0 : 1
  })
}

/** The last commit that is on the target. */
async function applied(target: Session): Promise<string> {
  const [row] = await target.query('select commit_lsn from pgmove.progress')
  return row?.['commit_lsn'] ?? ''
}

async function untilMoved(target: Session, was: string, since: number): Promise<number> {
  await eventually('the stream', 120, async () => (await applied(target)) !== was)
  return performance.now() - since
}
