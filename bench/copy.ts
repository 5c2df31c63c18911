import { Client, Connection } from '@temporalio/client'
import { withDatabase, withSession } from '../demo/session.ts'
import type { Session } from '../demo/session.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import type { PostgresServer } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import type { BenchOptions } from './bench-options.ts'
import { NO_FIGURES, dumpAndRestore, pgcopydb, pgmove } from './copy-contestants.ts'
import type { Contestant, Jobs, PgmoveOptions, WorkerFigures } from './copy-contestants.ts'
import { everything, loadBigTable, loadMix, loadTables } from './copy-data.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'

const ROUNDS = 3
const LIMIT_BYTES = 250_000_000

interface CopyBench {
  readonly title: string
  readonly command: string
  readonly load: (session: Session, scale: number) => Promise<void>
  /** The last one is pgmove as it is judged. */
  readonly contestants: (place: PgmoveOptions, major: number, seen: WorkerFigures) => Promise<(Contestant | undefined)[]>
  /** The most that the last may take, as a multiple of the first that is there. */
  readonly limit: number
}

const TWO: Jobs = { tables: 2, indexes: 2 }

/** 1.6 GB of different tables, beside pgcopydb and pg_dump | pg_restore. */
export const copy = (options: BenchOptions): Promise<number> =>
  compare(options, {
    title: 'Full data',
    command: 'copy',
    load: loadMix,
    contestants: async (place, major, seen) => [await pgcopydb(TWO), await dumpAndRestore(major, TWO), pgmove(place, TWO, seen)],
    limit: 0.88,
  })

/** 2,000 small tables. */
export const tables = (options: BenchOptions): Promise<number> =>
  compare(options, {
    title: 'Many small tables',
    command: 'tables',
    load: loadTables,
    contestants: async (place, major, seen) => [await dumpAndRestore(major, TWO), await pgcopydb(TWO), pgmove(place, TWO, seen)],
    limit: 1,
  })

/** One table of 10,000,000 rows, with one job and with four. */
export const bigTable = (options: BenchOptions): Promise<number> =>
  compare(options, {
    title: 'One big table',
    command: 'big-table',
    load: loadBigTable,
    contestants: async (place, _major, seen) => [
      pgmove(place, { tables: 1, indexes: 1 }, { ...NO_FIGURES }, 'pgmove with 1 job'),
      pgmove(place, { tables: 4, indexes: 1 }, seen, 'pgmove with 4 jobs'),
    ],
    limit: 1 / 1.6,
  })

/** Times contestants in alternating order over the same source; 0 if all results were equal and the limits held. */
async function compare({ scale, from, to, record }: BenchOptions, bench: CopyBench): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  try {
    const settings = { max_wal_size: '4GB', checkpoint_timeout: '30min', max_connections: '200' }
    const source = await startPostgres({ major: from, settings })
    closers.push(() => source.stop())
    const target = await startPostgres({ major: to, settings })
    closers.push(() => target.stop())
    const temporal = await startTemporal()
    closers.push(() => temporal.stop())
    const connection = await Connection.connect({ address: temporal.address })
    closers.push(() => connection.close())
    await withSession(source.url('postgres'), (s) => s.query('create database bench'))
    say(`Loading the source (scale ${scale})`)
    await withSession(source.url('bench'), (s) => bench.load(s, scale))
    const expected = await withSession(source.url('bench'), everything)

    const seen: WorkerFigures = { ...NO_FIGURES }
    const place = { client: new Client({ connection }), address: temporal.address, servers: [source, target] }
    const there = await bench.contestants(place, Math.max(from, to), seen)
    const contestants = there.filter((contestant) => contestant !== undefined)
    const times = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
    const [first] = contestants
    if (first) {
      // The servers touch their memory for the first time, which takes seconds: that counts for nobody.
      say(`${first.name}, to warm the servers up: ${(await first.run(source.url('bench'), await emptyTarget(target), -1)).toFixed(1)} s`)
      await withSession(target.url('postgres'), (s) => s.query('drop database bench'))
    }
    for (let round = 0; round < ROUNDS; round++) {
      // Whoever comes after another finds its traces in the caches.
      for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
        const into = await emptyTarget(target)
        const seconds = await contestant.run(source.url('bench'), into, round)
        say(`${contestant.name}: ${seconds.toFixed(1)} s`)
        times.get(contestant.name)?.push(seconds)
        if ((await withSession(into, everything)) !== expected) throw new Error(`${contestant.name}: the result differs, no figure counts.`)
        await withSession(target.url('postgres'), (s) => s.query('drop database bench'))
      }
    }
    const { text, ratio } = report(bench, { scale, from, to }, times, seen)
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection(bench.title, text)
    return ratio <= bench.limit && seen.peakBytes < LIMIT_BYTES ? 0 : 1
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(String(error)))
  }
}

async function emptyTarget(server: PostgresServer): Promise<string> {
  await withSession(server.url('postgres'), (s) => s.query('create database bench'))
  return withDatabase(server.url('postgres'), 'bench')
}

function report(
  bench: CopyBench,
  { scale, from, to }: Pick<BenchOptions, 'scale' | 'from' | 'to'>,
  times: ReadonlyMap<string, readonly number[]>,
  seen: WorkerFigures,
): { text: string; ratio: number } {
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0)
  const first = sum([...times.values()][0] ?? [])
  const rows = [...times].map(
    ([name, all]) => `| ${name} | ${all.map((seconds) => seconds.toFixed(1)).join(', ')} | ${(sum(all) / first).toFixed(2)} |`,
  )
  const ratio = sum([...times.values()].at(-1) ?? []) / first
  const text = [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- ${bench.command}${scale === 1 ? '' : ` --scale ${scale}`}\`,`,
    `PostgreSQL ${from} → ${to}, ${ROUNDS} rounds in alternating order: ${machineFacts([])}. Every result was compared with the source, row by row.`,
    "pgmove's time is that of its phases between precheck and incremental replication, Temporal included; its last row is to be at most " +
      `${bench.limit.toFixed(2)} of the first.`,
    '',
    '| | seconds, by round | ratio |',
    '|---|---|---|',
    ...rows,
    '',
    `The worker held at most ${Math.round(seen.peakBytes / 1e6)} MB. Its CPU time was ${((100 * seen.cpuSeconds) / seen.serversCpuSeconds).toFixed(0)} % of both servers' ` +
      `(${seen.cpuSeconds.toFixed(1)} s to ${seen.serversCpuSeconds.toFixed(1)} s); to start, it took ${seen.startCpuSeconds.toFixed(1)} s more.`,
  ].join('\n')
  return { text, ratio }
}
