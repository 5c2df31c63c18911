import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { withDatabase, withSession } from '../demo/session.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { readSourceNameMap } from '../src/mapping/read-name-map.ts'
import { clientProgram } from '../src/postgres/client-program.ts'
import { connect } from '../src/postgres/connect.ts'
import type { Database } from '../src/postgres/connect.ts'
import { resolveConnection } from '../src/postgres/resolve-connection.ts'
import type { PrecheckSpec } from '../src/precheck/precheck-context.ts'
import { runPrecheck } from '../src/precheck/run-precheck.ts'
import { compareMetadata } from '../src/validate/metadata/compare-metadata.ts'
import type { BenchOptions } from './bench-options.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'
import { makeRelatedTables, SCHEMAS } from './related-tables.ts'
import { recordSection } from './record-section.ts'
import { say } from './say.ts'

const TABLES = 10_000
const ROUNDS = 2
/** The most that the precheck may take, in seconds. */
const LIMIT = 10
const shell = promisify(execFile)

const WHOLE: PrecheckSpec = { types: ['schema', 'full', 'incremental'], objects: null, exclude: [], existing: 'refuse', ddl: 'pause' }
const RUNS: readonly { readonly label: string; readonly filled: boolean; readonly spec: PrecheckSpec }[] = [
  { label: 'everything, into an empty target', filled: false, spec: WHOLE },
  {
    label: 'both schemas under other names, into an empty target',
    filled: false,
    spec: { ...WHOLE, objects: SCHEMAS.map((schema) => ({ schema, as: `new_${schema}` })) },
  },
  { label: 'everything, the tables are on the target already', filled: true, spec: WHOLE },
  { label: 'data only, into tables that are there', filled: true, spec: { ...WHOLE, types: ['full', 'incremental'] } },
]

/** Times the precheck and the comparison of the catalogues on 10,000 tables; 0 if every precheck stays within the limit. */
export async function precheck({ scale, from, to, record }: BenchOptions): Promise<number> {
  const closers: (() => Promise<unknown>)[] = []
  const tables = Math.round((TABLES * scale) / 2) * 2
  try {
    const settings = { max_wal_size: '4GB', checkpoint_timeout: '30min', max_locks_per_transaction: '256' }
    const source = await startPostgres({ major: from, settings })
    closers.push(() => source.stop())
    const target = await startPostgres({ major: to, settings })
    closers.push(() => target.stop())
    const [sourceUrl, emptyUrl, filledUrl] = [
      withDatabase(source.url('postgres'), 'bench'),
      withDatabase(target.url('postgres'), 'empty'),
      withDatabase(target.url('postgres'), 'filled'),
    ]
    await withSession(source.url('postgres'), (s) => s.query('create database bench'))
    for (const name of ['empty', 'filled']) await withSession(target.url('postgres'), (s) => s.query(`create database ${name}`))
    say(`Making ${tables} tables`)
    await withSession(sourceUrl, (s) => makeRelatedTables(s, tables))
    await restoreDefinitions(sourceUrl, filledUrl, Math.max(from, to))

    const seconds = new Map<string, number[]>()
    const open = sessions(closers)
    const [here, empty, filled] = [await open('source', sourceUrl), await open('target', emptyUrl), await open('target', filledUrl)]
    for (let round = 0; round < ROUNDS; round++) {
      for (const run of RUNS) {
        const { signal } = new AbortController()
        const items = await timed(seconds, run.label, () =>
          runPrecheck({ source: here, target: run.filled ? filled : empty, spec: run.spec, id: '0123456789abcdef', signal }),
        )
        const bad = items.filter(({ status }) => status === 'Failed')
        if (bad.length > 0) throw new Error(`The precheck failed, so the figures do not count: ${JSON.stringify(bad)}`)
      }
      const compared = await timed(seconds, COMPARISON, () => compare(here, filled))
      if (compared.differences > 0) throw new Error(`${compared.differences} differences were found, so the figures do not count.`)
    }
    const worst = Math.max(...RUNS.flatMap(({ label }) => seconds.get(label) ?? []))
    const text = [
      `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- precheck${scale === 1 ? '' : ` --scale ${scale}`}\`,`,
      `PostgreSQL ${from} → ${to}, ${ROUNDS} rounds: ${machineFacts([])}.`,
      '',
      `| ${tables.toLocaleString('en')} tables in ${SCHEMAS.length} schemas, ${(3 * tables).toLocaleString('en')} indexes, ${tables.toLocaleString('en')} foreign keys | seconds, by round |`,
      '|---|---|',
      ...[...seconds].map(([label, times]) => `| ${label} | ${times.map((s) => s.toFixed(1)).join(', ')} |`),
    ].join('\n')
    process.stdout.write(`\n${text}\n`)
    if (record) recordSection('Precheck', text)
    return worst <= LIMIT ? 0 : 1
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(String(error)))
  }
}

const COMPARISON = 'comparison of both catalogues, every attribute of every object (no limit)'

async function restoreDefinitions(from: string, to: string, major: number): Promise<void> {
  const script = 'set -e; "$0" --schema-only "$1" | "$2" -q -o /dev/null "$3"'
  const [dump, psql] = [await clientProgram('pg_dump', major), await clientProgram('psql', major)]
  await shell('/bin/sh', ['-c', script, dump, from, psql, to], { maxBuffer: 1 << 26 })
}

function sessions(closers: (() => Promise<unknown>)[]) {
  return async (side: 'source' | 'target', url: string): Promise<Database> => {
    const database = await connect(await resolveConnection({ url }, side, {}), {
      side,
      applicationName: 'pgmove bench',
      lockTimeoutMs: 2000,
    })
    closers.push(() => database.close())
    return database
  }
}

async function compare(source: Database, target: Database) {
  const spec = { objects: null, exclude: [], roles: { map: {}, grants: 'keep' as const } }
  const map = await readSourceNameMap(source, spec)
  const { signal } = new AbortController()
  return compareMetadata({ source, target, spec, map, rewrite: (text) => text, signal, onDifferences: () => undefined })
}

async function timed<T>(seconds: Map<string, number[]>, label: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now()
  const result = await work()
  const took = (performance.now() - begin) / 1000
  say(`${label}: ${took.toFixed(1)} s`)
  seconds.set(label, [...(seconds.get(label) ?? []), took])
  return result
}
