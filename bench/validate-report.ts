import type { MigrationReport } from '../src/workflows/migration-report.ts'
import type { BenchOptions } from './bench-options.ts'
import { machineFacts, measuredCommit } from './machine-facts.ts'

const LIMIT_RATIO = 2
const LIMIT_BYTES = 100_000_000

export interface StillFigures {
  readonly rows: string
  readonly copySeconds: number
  readonly compareSeconds: number
  /** Of the worker that compares, before and while. */
  readonly idleBytes: number
  readonly peakBytes: number
  readonly cpuSeconds: number
}

export interface LiveFigures {
  readonly perSecond: number
  readonly comparisons: number
  readonly rows: string
  /** Comparisons that told of differences where there were none. */
  readonly alarms: number
  /** Comparisons with rows that changed whenever they were looked at. */
  readonly undecided: number
  /** What was found once one row had been added to the target's shop.carts. */
  readonly planted: readonly { readonly table: string; readonly rows: number }[]
  readonly cutover: NonNullable<MigrationReport['cutover']>
}

export function passed(still: StillFigures, live: LiveFigures): boolean {
  const [found, ...others] = live.planted
  return (
    still.compareSeconds <= LIMIT_RATIO * still.copySeconds &&
    still.peakBytes - still.idleBytes <= LIMIT_BYTES &&
    live.alarms === 0 &&
    others.length === 0 &&
    found?.table === '"shop"."carts"' &&
    found.rows === 1
  )
}

export function validateReport(
  { scale, from, to }: Pick<BenchOptions, 'scale' | 'from' | 'to'>,
  still: StillFigures,
  live: LiveFigures,
): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
  const rows = (text: string): string => Number(text).toLocaleString('en')
  const { steps, downtimeMs } = live.cutover
  const validation = steps.filter(({ step }) => /compare|validate/i.test(step))
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- validate${scale === 1 ? '' : ` --scale ${scale}`}\`,`,
    `PostgreSQL ${from} → ${to}, one run: ${machineFacts([], true)}.`,
    '',
    `| \`validateMigration\` of the data of the bench \`copy\`, ${rows(still.rows)} rows, while nobody writes | |`,
    '|---|---|',
    `| the phase full, which copied them | ${still.copySeconds.toFixed(1)} s |`,
    `| all rows compared by checksums | ${still.compareSeconds.toFixed(1)} s |`,
    `| ratio (limit ${LIMIT_RATIO.toFixed(1)}) | ${(still.compareSeconds / still.copySeconds).toFixed(2)} |`,
    `| a worker that does nothing else, before | ${megabytes(still.idleBytes)} |`,
    `| its peak meanwhile | ${megabytes(still.peakBytes)} |`,
    `| what the comparison took of memory (limit ${megabytes(LIMIT_BYTES)}), and of one CPU | ${megabytes(still.peakBytes - still.idleBytes)}, ${((100 * still.cpuSeconds) / still.compareSeconds).toFixed(0)} % |`,
    '',
    `| the demo's shop, ${rows(live.rows)} rows, under ${live.perSecond.toFixed(0)} transactions a second, as fast as this machine goes with all of it | |`,
    '|---|---|',
    `| comparisons of all rows, one after another | ${live.comparisons} |`,
    `| false alarms | ${live.alarms} |`,
    `| comparisons that left rows undecided | ${live.undecided} |`,
    `| found of one row that was added on the target | ${live.planted.map((found) => `${found.rows} in \`${found.table}\``).join(', ') || 'nothing'} |`,
    `| write downtime of the cutover with \`"validate": "checksum"\` | ${downtimeMs.toLocaleString('en')} ms |`,
    ...validation.map(
      ({ step, startedAt, endedAt }) => `| in it: \`${step}\` | ${(Date.parse(endedAt) - Date.parse(startedAt)).toLocaleString('en')} ms |`,
    ),
  ].join('\n')
}
