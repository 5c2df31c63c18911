import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Client, Connection } from '@temporalio/client'
import { withDatabase, withSession } from '../demo/session.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import { startMigration } from './bench-migration.ts'
import type { BenchOptions } from './bench-options.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'
import { makeManyTables } from './many-tables.ts'
import { startMeasuredWorker } from './measured-worker.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'

const shell = promisify(execFile)
const TABLES = 10_000
const ROUNDS = 2
/** The most that the schema phase may take, as a multiple of pg_dump | psql. */
const LIMIT = 1.3

interface Times {
  readonly peer: number
  readonly pgmove: number
}

/** Times the schema phase beside `pg_dump --schema-only | psql` in alternating order; 0 if the schemas were equal and the limit held. */
export async function schema({ scale, from, to, record }: BenchOptions): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-bench-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const tables = Math.round(TABLES * scale)
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
    await withSession(source.url('postgres'), (s) => s.query('create database bench'))
    say(`Making ${tables} tables`)
    await withSession(source.url('bench'), (s) => makeManyTables(s, tables))

    const programs = { dump: await clientProgram('pg_dump', Math.max(from, to)), psql: await clientProgram('psql', Math.max(from, to)) }
    const targetOf = (name: string) => withDatabase(target.url('postgres'), name)
    const rounds: Times[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [a, b] = [`peer_${round}`, `pgmove_${round}`]
      for (const name of [a, b]) await withSession(target.url('postgres'), (s) => s.query(`create database ${name}`))
      const peer = () =>
        timed(() =>
          shell(
            '/bin/sh',
            [
              '-c',
              'set -e; "$0" --schema-only "$1" | "$2" -q -o /dev/null "$3"',
              programs.dump,
              source.url('bench'),
              programs.psql,
              targetOf(a),
            ],
            {
              maxBuffer: 1 << 26,
            },
          ),
        )
      const env = { BENCH_SOURCE: source.url('bench'), BENCH_TARGET: targetOf(b), TEMPORAL_ADDRESS: temporal.address }
      const pgmove = async () => {
        const worker = startMeasuredWorker(env, path.join(folder, `worker_${round}.log`))
        try {
          const client = new Client({ connection })
          const report = await (await startMigration(client, `schema-${round}`, 'BENCH_TARGET', { types: ['schema'] })).result()
          const { schema: definitions = 0, full = 0, constraints = 0 } = report.durations
          return (definitions + full + constraints) / 1000
        } finally {
          await worker.stop()
        }
      }
      // Whoever is first finds colder caches.
      const times = round % 2 === 0 ? { peer: await peer(), pgmove: await pgmove() } : await reversed(peer, pgmove)
      say(`pg_dump | psql ${times.peer.toFixed(1)} s, pgmove ${times.pgmove.toFixed(1)} s`)
      rounds.push(times)
      const [first, second] = [await relations(targetOf(a)), await relations(targetOf(b))]
      if (first !== second) throw new Error('The two schemas differ, so the figures do not count.')
      for (const name of [a, b]) await withSession(target.url('postgres'), (s) => s.query(`drop database ${name} with (force)`))
    }
    const ratio = sum(rounds, 'pgmove') / sum(rounds, 'peer')
    const text = [
      `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- schema${scale === 1 ? '' : ` --scale ${scale}`}\`,`,
      `PostgreSQL ${from} → ${to}, ${ROUNDS} rounds in alternating order: ${machineFacts([])}. The catalogues of both results were equal.`,
      '',
      `| definitions of ${tables.toLocaleString('en')} tables with ${(3 * tables).toLocaleString('en')} indexes | seconds, by round | ratio |`,
      '|---|---|---|',
      `| \`pg_dump --schema-only \\| psql\` | ${rounds.map(({ peer }) => peer.toFixed(1)).join(', ')} | 1 |`,
      `| pgmove's phases after the precheck, types \`["schema"]\` (limit ${LIMIT}) | ${rounds.map(({ pgmove }) => pgmove.toFixed(1)).join(', ')} | ${ratio.toFixed(2)} |`,
    ].join('\n')
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Definitions', text)
    return ratio <= LIMIT ? 0 : 1
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(String(error)))
  }
}

async function reversed(peer: () => Promise<number>, pgmove: () => Promise<number>): Promise<Times> {
  const second = await pgmove()
  return { peer: await peer(), pgmove: second }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1000
}

/** Columns, defaults, indexes and constraints of the schema `public`, as a hash. */
async function relations(url: string): Promise<string> {
  return withSession(url, async (s) => {
    const [row] = await s.query(`
      select md5(string_agg(line, e'\\n' order by line collate "C")) as hash from (
        select concat_ws('|', c.relname, c.relkind, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
          from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relnamespace = 'public'::regnamespace and a.attnum > 0
        union all select concat_ws('|', indexdef) from pg_indexes where schemaname = 'public'
        union all select concat_ws('|', conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
      ) as all_of (line)`)
    return String(row?.['hash'])
  })
}

function sum(rounds: readonly Times[], which: keyof Times): number {
  return rounds.reduce((total, times) => total + times[which], 0)
}
