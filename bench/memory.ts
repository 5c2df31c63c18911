import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { withDatabase, withSession } from '../demo/session.ts'
import type { BenchOptions } from './bench-options.ts'
import { loadBigData } from './big-data.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { cancelledCopy, cancelledStream, wholeMigration } from './memory-runs.ts'
import type { MemoryFigures } from './memory-report.ts'
import { memoryReport, LIMIT_BYTES, LIMIT_SECONDS } from './memory-report.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'

const DATABASE = 'bench'
/** A database of the target server for each run. */
export const TARGETS = { BENCH_TARGET: 'bench', BENCH_TARGET_2: 'bench_2', BENCH_TARGET_3: 'bench_3' } as const

/** Measures memory, reaction times and lock waits over real migrations; 0 if the results were equal and all limits held. */
export async function memory({ scale, from, to, record }: BenchOptions): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const end = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => say(String(error)))
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void end().finally(() => process.exit(130)))
  try {
    const settings = { max_wal_size: '4GB', checkpoint_timeout: '30min' }
    const source = await startPostgres({ major: from, settings })
    closers.push(() => source.stop())
    const target = await startPostgres({ major: to, settings })
    closers.push(() => target.stop())
    const temporal = await startTemporal()
    closers.push(() => temporal.stop())
    const connection = await Connection.connect({ address: temporal.address })
    closers.push(() => connection.close())
    await withSession(source.url('postgres'), (s) => s.query(`create database ${DATABASE}`))
    for (const name of Object.values(TARGETS)) await withSession(target.url('postgres'), (s) => s.query(`create database ${name}`))
    say(`Loading the source (scale ${scale})`)
    await withSession(source.url(DATABASE), (s) => loadBigData(s, scale))

    const urls = Object.entries(TARGETS).map(([name, database]) => [name, withDatabase(target.url('postgres'), database)])
    const env = { ...(Object.fromEntries(urls) as Record<string, string>), BENCH_SOURCE: source.url(DATABASE) }
    const log = path.join(folder, 'worker.log')
    const worker = startMeasuredWorker({ ...env, TEMPORAL_ADDRESS: temporal.address }, log)
    closers.push(() => worker.stop())
    const places = {
      client: new Client({ connection }),
      source: source.url(DATABASE),
      target: (name: keyof typeof TARGETS) => target.url(TARGETS[name]),
      worker,
      scale,
      say,
    }
    const whole = await wholeMigration(places)
    const seconds = { ...whole.seconds, ...(await cancelledCopy(places)), ...(await cancelledStream(places)) }
    const figures: MemoryFigures = { ...whole, seconds, peakBytes: worker.memory.all }
    const text = memoryReport(figures, { scale, from, to })
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Memory and reaction times', text)
    const slowest = Math.max(...Object.values(figures.seconds))
    return figures.peakBytes < LIMIT_BYTES && slowest <= LIMIT_SECONDS && figures.lockWaits.ordinary <= 2 ? 0 : 1
  } finally {
    await end()
  }
}
