import type { MigrationReport } from '../src/workflows/migration-report.ts'
import type { Check } from './compare.ts'

/** The workflow's result for a reader. */
export function reportLines(report: MigrationReport): string[] {
  const { tables, rows, bytes, objects, durations, cutover, sequences, validation, changes, transactions } = report
  const lines = [
    entry('Tables', `${tables.copied} of ${tables.total} copied, ${number(rows)} rows, ${(Number(bytes) / 1e6).toFixed(1)} MB`),
    entry('Changes', `${number(changes)} rows in ${number(transactions)} transactions came by the stream`),
    entry('Objects', list(Object.entries(objects).map(([kind, count]) => `${kind} ${count}`))),
    entry('Durations', list(Object.entries(durations).map(([phase, ms]) => `${phase} ${seconds(ms)}`))),
    entry('Cutover', cutover ? `at LSN ${cutover.lsn}; no writes for ${seconds(cutover.downtimeMs)}` : 'none'),
    entry('Sequences', `${sequences.total} set`),
    entry('Validation', validationText(validation)),
  ]
  const notes = [
    ...report.skipped.items.map(({ object, reason }) => entry('Skipped', `${object}: ${reason}`)),
    ...report.repeated.items.map(({ object, reason }) => entry('Repeated', `${object}: ${reason}`)),
    ...report.warnings.items.map((warning) => entry('Warning', warning)),
    ...report.left.map((left) => entry('Left', left)),
  ]
  return [...lines, ...notes]
}

/** The demo's own comparison. */
export function checkLines(checks: readonly Check[]): string[] {
  return checks.flatMap(({ what, found, differences }) => {
    if (differences.length === 0) return [`  ✔ ${what.padEnd(12)} ${found}`]
    const shown = differences.slice(0, 20).map((text) => `      ${text}`)
    const more = differences.length > shown.length ? [`      and ${differences.length - shown.length} more`] : []
    return [`  ✖ ${what.padEnd(12)} ${differences.length} differences`, ...shown, ...more]
  })
}

function validationText({ method, tables, rows, differing }: MigrationReport['validation']): string {
  const outcome = differing.length > 0 ? `differing: ${differing.join(', ')}` : 'all equal'
  return method === 'none' ? 'none' : `${method} of ${tables} tables, ${number(rows)} rows: ${outcome}`
}

function entry(name: string, text: string): string {
  return `  ${name.padEnd(12)} ${text}`
}

function list(items: readonly string[]): string {
  return items.length > 0 ? items.join(', ') : 'none'
}

function number(text: string): string {
  return BigInt(text).toLocaleString('en')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
