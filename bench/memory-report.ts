import { machineFacts, measuredCommit } from './machine-facts.ts'
import type { WholeMigration } from './memory-runs.ts'

export interface MemoryFigures extends WholeMigration {
  readonly seconds: Readonly<Record<string, number>>
  /** Over everything, the worker's start included. */
  readonly peakBytes: number
}

export const LIMIT_BYTES = 300e6
export const LIMIT_SECONDS = 5

/** The figures as Markdown, with what they were measured on. */
export function memoryReport(figures: MemoryFigures, run: { scale: number; from: number; to: number }): string {
  const { tableBytes, changes, lockWaits } = figures
  const lines = [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${measuredCommit()} by \`npm run bench -- memory${run.scale === 1 ? '' : ` --scale ${run.scale}`}\`,`,
    `PostgreSQL ${run.from} → ${run.to}, one run: ${machineFacts([])}. The figures count only because every table's rows were equal on both`,
    'sides afterwards, and nothing of pgmove was left on the source.',
    '',
    `| worker process, peak of resident memory (limit ${megabytes(LIMIT_BYTES)}) | |`,
    '|---|---|',
    `| start, workflow bundle included | ${megabytes(figures.startBytes)} |`,
    `| a table of ${gigabytes(tableBytes)} copied, with 4 rows of 8 MB in it (${figures.copySeconds.toFixed(0)} s, the copy begun twice, see below) | ${megabytes(figures.copyBytes)} |`,
    `| a source transaction of ${changes.toLocaleString('en')} row changes applied (${figures.streamSeconds.toFixed(0)} s, begun twice, see below) | ${megabytes(figures.streamBytes)} |`,
    `| cutover | ${megabytes(figures.cutoverBytes)} |`,
    '',
    `| from the signal to its effect (limit ${LIMIT_SECONDS} s) | |`,
    '|---|---|',
    ...Object.entries(figures.seconds).map(([what, seconds]) => `| ${what} | ${seconds.toFixed(1)} s |`),
    '',
    '| longest wait of an application statement for a lock, because of pgmove (looked at every 100 ms) | |',
    '|---|---|',
    `| INSERT, UPDATE, DELETE (limit 2 s) | ${lockWaits.ordinary.toFixed(1)} s |`,
    `| ACCESS EXCLUSIVE, as ALTER TABLE takes it | ${lockWaits.exclusive.toFixed(1)} s |`,
    '',
    'While the table was copied a statement asked for its ACCESS EXCLUSIVE lock, so the copy gave way and began again, and then it was',
    'paused and resumed. The stream was paused within the big transaction, which was rolled back and applied anew after `resume`.',
    'An application wrote to the source with two connections all the time.',
  ]
  return lines.join('\n')
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? megabytes(bytes) : `${(bytes / 1e9).toFixed(2)} GB`
}
