import { parseArgs } from 'node:util'

export interface BenchOptions {
  readonly name: string
  /** 1 is the size that BENCHMARKS.md speaks of. */
  readonly scale: number
  /** PostgreSQL's major versions. */
  readonly from: number
  readonly to: number
  /** Whether the figures go into BENCHMARKS.md. */
  readonly record: boolean
}

export const USAGE = `npm run bench -- NAME [options]

  memory                the worker's memory with a table of 2 GB and a transaction of 1,000,000 row changes; how soon pause,
                        resume and cancel act; how long the application waits for locks
  copy                  1.6 GB of different tables, beside pgcopydb clone and pg_dump -j | pg_restore -j as far as they are there
  tables                2,000 tables of 100 rows, beside the same
  big-table             one table of 10,000,000 rows, with one job and with four
  precheck              the precheck, and the comparison of both catalogues, of 10,000 tables with 3 indexes and a foreign key each
  schema                the definitions of 10,000 tables with 3 indexes each, beside pg_dump --schema-only | psql

  incremental           a change stream of 1,080,000 row changes in 120,003 transactions, and a table of 1,000 rows updated 500,000 times:
                        pgmove beside PostgreSQL's own subscription and pg_recvlogical, which only decodes
  latency               how long single-row transactions take to the target, 2,000 a second and one alone, beside PostgreSQL's own subscription
  cutover               how long nobody can write at a cutover of the demo's shop, under 1,000 transactions a second until the fence readOnly
  validate              how fast all rows are compared by checksums beside how fast they were copied, and in what memory; whether anything is taken for a
                        difference while an application writes as fast as it can
  outage                how soon the stream moves when a server is back after 30 s, or the applying worker has died; how often a server that is
                        away is tried; what an outage costs in the history

  --scale FACTOR        size; 1, the default, is what BENCHMARKS.md speaks of
  --from, --to MAJOR    versions of source and target, 10 to 18 (default 13 and 17)
  --no-record           leave BENCHMARKS.md as it is
`

/** The options of a run; undefined if only help was asked for. Throws an Error with one clear sentence. */
export function parseBenchOptions(args: readonly string[], names: readonly string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scale: { type: 'string', default: '1' },
      from: { type: 'string', default: '13' },
      to: { type: 'string', default: '17' },
      'no-record': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [name, ...more] = positionals
  if (values.help || name === undefined) return undefined
  if (more.length > 0 || !names.includes(name)) throw new Error(`"${positionals.join(' ')}" is no benchmark; there is ${names.join(', ')}`)
  const scale = Number(values.scale)
  if (!(scale >= 0.01 && scale <= 100)) throw new Error(`--scale is "${values.scale}", but must be a number from 0.01 to 100`)
  return { name, scale, from: major('from', values.from), to: major('to', values.to), record: !values['no-record'] }
}

function major(name: string, text: string): number {
  const number = /^\d\d$/.test(text) ? Number(text) : NaN
  if (number >= 10 && number <= 18) return number
  throw new Error(`--${name} is "${text}", but must be a whole number from 10 to 18`)
}
