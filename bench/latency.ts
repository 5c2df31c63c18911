import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { eventually } from '../dev/eventually.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import type { BenchOptions } from './bench-options.ts'
import { LagSampler } from './lag-sampler.ts'
import { latencyReport } from './latency-report.ts'
import type { LagFigures } from './latency-report.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'
import { closing, streamRig } from './stream-rig.ts'
import type { StreamRig } from './stream-rig.ts'

const run = promisify(execFile)
const CLIENTS = 8
const PER_SECOND = 2000
const SECONDS = 60
const LONE = 50
/** A lone transaction comes to a stream that has been quiet for so long, and up to as much again. */
const QUIET_MS = 250

const TABLE = 'create table public.beat (id bigserial primary key, at timestamptz not null, note text)'
const INSERT = `insert into public.beat (at, note) values (clock_timestamp(), md5(random()::text))`

/**
 * How long single-row transactions take from the source to the target while many come and when one comes alone, by pgmove and by PostgreSQL's
 * own subscription, one after the other. 0 if the results were equal.
 */
export async function latency({ scale, from, to, record }: BenchOptions): Promise<number> {
  return closing(async (closers) => {
    const load = (url: string) => withSession(url, async (session) => void (await session.query(TABLE)))
    const rig = await streamRig({ name: 'bench latency', from, to, load, tables: ['beat'], closers })
    const seconds = Math.max(2, Math.round(SECONDS * scale))

    say("PostgreSQL's subscription")
    await rig.enableNative()
    const native = await measure(rig, 'native', seconds)
    await rig.disableNative()
    say('pgmove')
    await rig.resumePgmove()
    await caughtUp(rig.source, rig.target)
    const pgmove = await measure(rig, 'pgmove', seconds)
    rig.worker.check()
    await rig.enableNative()
    await caughtUp(rig.source, rig.native)
    const [expected, ...found] = await Promise.all([rig.source, rig.target, rig.native].map(print))
    for (const one of found) assert.equal(one, expected, 'the results differ')
    await rig.disableNative()
    await rig.pausePgmove()
    await rig.finish()
    const text = latencyReport({ native, pgmove }, { scale, seconds, perSecond: PER_SECOND, clients: CLIENTS, lone: LONE, from, to })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Latency', text)
    return 0
  })
}

async function measure(rig: StreamRig, who: 'pgmove' | 'native', seconds: number): Promise<LagFigures> {
  const { source, worker } = rig
  const replica = who === 'pgmove' ? rig.target : rig.native
  const lone: number[] = []
  for (let i = 0; i < LONE; i++) {
    await pause(QUIET_MS * (1 + Math.random()))
    lone.push(await loneLag(source, replica))
  }
  const sampler = LagSampler.start(replica, await highest(source))
  const cpuBefore = { ...(await rig.serverCpu(who)), worker: worker.cpuSeconds() }
  worker.memory.mark()
  const sent = await write(rig.sourceUrl, seconds)
  const cpuAfter = { ...(await rig.serverCpu(who)), worker: worker.cpuSeconds() }
  await eventually('the last transaction', 600, () => Promise.resolve(sampler.count >= sent))
  const peakBytes = worker.memory.mark()
  const lags = await sampler.stop()
  assert.equal(lags.length, sent)
  const cpu = {
    walsender: (cpuAfter.walsender - cpuBefore.walsender) / seconds,
    apply: (cpuAfter.apply - cpuBefore.apply) / seconds,
    worker: (cpuAfter.worker - cpuBefore.worker) / seconds,
  }
  return { lags, lone, cpu, peakBytes, perSecond: sent / seconds }
}

/** Milliseconds from right before a transaction's commit on the source to its first sight on the replica. */
async function loneLag(source: Session, replica: Session): Promise<number> {
  const [row] = await source.query(`${INSERT} returning id::text`)
  for (;;) {
    const [seen] = await replica.query(
      `select (extract(epoch from clock_timestamp() - at) * 1000)::text as lag from public.beat where id = $1`,
      [row?.['id'] ?? ''],
    )
    if (seen) return Number(seen['lag'])
    await pause(1)
  }
}

/** Single-row transactions at a steady rate; returns their number. */
async function write(url: string, seconds: number): Promise<number> {
  const before = await withSession(url, highest)
  const { hostname, port, pathname } = new URL(url)
  const file = path.join(os.tmpdir(), `pgmove-bench-beat-${process.pid}.sql`)
  await writeFile(file, `${INSERT};\n`)
  const rate = ['-n', '-M', 'prepared', '-c', String(CLIENTS), '-R', String(PER_SECOND), '-T', String(seconds), '-f', file]
  await run(await clientProgram('pgbench', 10), ['-h', hostname, '-p', port, '-U', 'postgres', ...rate, pathname.slice(1)])
  return withSession(url, async (session) => {
    const [row] = await session.query('select count(*)::text as n from public.beat where id > $1', [String(before)])
    return Number(row?.['n'])
  })
}

async function highest(session: Session): Promise<number> {
  const [row] = await session.query('select coalesce(max(id), 0)::text as id from public.beat')
  return Number(row?.['id'])
}

async function caughtUp(source: Session, replica: Session): Promise<void> {
  const [{ n } = {}] = await source.query('select count(*)::text as n from public.beat')
  await eventually('the replica to catch up', 600, async () => {
    const [row] = await replica.query('select count(*)::text as n from public.beat')
    return row?.['n'] === n
  })
}

async function print(session: Session): Promise<string> {
  const [row] = await session.query(
    `select count(*) || ' rows, ' || coalesce(sum(('x' || left(md5(b::text), 15))::bit(60)::bigint), 0) as print from public.beat b`,
  )
  return row?.['print'] ?? ''
}
