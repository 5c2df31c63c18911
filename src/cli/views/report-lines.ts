import type { MigrationReport } from '../../workflows/migration-report.ts'
import type { CutList } from '../../workflows/status.ts'
import { bytesText, countText, durationText } from '../amounts.ts'
import { columns } from '../columns.ts'
import type { Cell } from '../columns.ts'
import { printable, wrapped } from '../text-width.ts'
import type { Page } from './check-lines.ts'
import { cutoverChart } from './cutover-chart.ts'
import type { ChartStep } from './cutover-chart.ts'
import { PHASE_TITLES } from './phase-titles.ts'
import { plural } from './plural.ts'
import { spanBar } from './progress-bar.ts'

const INDENT = '  '

/** A migration's report for a terminal: what was moved, how long it took, the proof of the cutover, and what a person has to know. */
export function reportLines(workflowId: string, report: MigrationReport, page: Page): string[] {
  const { style } = page
  const { name, types, tables, skipped, left } = report
  const title = name === null ? workflowId : `${workflowId}: ${name}`
  const complete = tables.copied === tables.total || !types.includes('full')
  return [
    style.heading(printable(title)),
    (complete ? style.good : style.warning)(`Completed: ${types.join(', ')}.`),
    ...section('Moved', moved(report, page), page),
    ...section('Time', phases(report, page), page),
    ...section('Cutover', cutover(report, page), page),
    ...section('Compared', compared(report, page), page),
    ...section(
      'Warnings',
      list(report.warnings, (text) => text, page, style.warning),
      page,
    ),
    ...section(
      'Not migrated',
      list(skipped, ({ object, reason }) => `${object}: ${reason}`, page, style.warning),
      page,
    ),
    ...section(
      'Done twice',
      list(report.repeated, ({ object, reason }) => `${object}: ${reason}`, page),
      page,
    ),
    ...section(
      'Left on the source',
      list({ total: left.length, items: left }, (text) => text, page),
      page,
    ),
  ]
}

function section(title: string, lines: readonly string[], { style }: Page): string[] {
  return lines.length === 0 ? [] : ['', style.heading(title), ...lines.map((line) => INDENT + line)]
}

function moved(
  { tables, rows, bytes, largest = [], changes, transactions, objects, sequences, types }: MigrationReport,
  page: Page,
): string[] {
  const kinds = Object.entries(objects).map(([kind, count]) => `${kind.toLowerCase()} ${countText(count)}`)
  const figures: Cell[][] = []
  if (types.includes('full')) {
    figures.push(['Tables', `${tables.copied} of ${tables.total}, ${countText(rows)} rows, ${bytesText(bytes)}`])
    const most = largest.slice(0, 5).map(({ table, rows, bytes }) => `${table} (${countText(rows)} rows, ${bytesText(bytes)})`)
    if (most.length > 0 && tables.copied > 1) figures.push(['Largest', most.join(', ')])
  }
  if (types.includes('incremental'))
    figures.push(['Changes', `${countText(changes)} rows in ${countText(transactions)} transactions, by the stream`])
  if (kinds.length > 0) figures.push(['Objects', kinds.join(', ')])
  if (sequences.total > 0) figures.push(['Sequences', `${countText(sequences.total)} set`])
  return columns(figures, inner(page))
}

function phases({ durations }: MigrationReport, page: Page): string[] {
  const known = PHASE_TITLES.flatMap(([phase, title]) => {
    const ms = durations[phase]
    return ms === undefined ? [] : [{ title, ms }]
  })
  const total = known.reduce((sum, { ms }) => sum + ms, 0)
  let before = 0
  const rows = known.map(({ title, ms }): Cell[] => {
    const bar = spanBar(before / total, (before + ms) / total, 24)
    before += ms
    return [title, { text: bar, paint: page.style.command }, durationText(ms / 1000)]
  })
  return known.length === 0 ? [] : columns([...rows, ['Together', '', durationText(total / 1000)]], inner(page))
}

function cutover({ cutover: facts }: MigrationReport, page: Page): string[] {
  if (!facts) return []
  const { fence, lsn, appliedLsn, downtimeMs } = facts
  const steps = cutoverChart(facts)
  return [
    page.style.good(`Nobody could write for ${durationText(downtimeMs / 1000)}.`),
    ...wrapped(
      `Fence ${fence}, marker ${lsn}: what was committed before is on the target. The stream proved up to ${appliedLsn} that nobody wrote after it.`,
      inner(page).width,
    ),
    ...columns(
      steps.map((step): Cell[] => [step.title, { text: downtimeBar(step, downtimeMs), paint: page.style.command }, milliseconds(step)]),
      inner(page),
    ),
  ]
}

/** Steps before and after the downtime have a place at its edges only. */
function downtimeBar({ from, to, inDowntime }: ChartStep, downtimeMs: number): string {
  if (inDowntime) return spanBar(Math.max(0, from) / downtimeMs, Math.min(1, to / downtimeMs), 24)
  return from < 0 ? 'before the downtime' : 'after the downtime'
}

function milliseconds({ from, to }: ChartStep): string {
  return to - from < 10_000 ? `${Math.round(to - from)} ms` : durationText((to - from) / 1000)
}

function compared({ validation, metadata }: MigrationReport, page: Page): string[] {
  const { style } = page
  const lines: string[] = []
  if (validation.method === 'none') lines.push(style.dim('Rows: not compared.'))
  else {
    const again =
      validation.rowsComparedAgain === undefined ? '' : `, ${countText(validation.rowsComparedAgain)} of them again behind the marker`
    const text = `Rows: ${countText(validation.rows)} of ${plural(validation.tables, 'table')} by ${validation.method}${again}`
    const equal = validation.differing.length === 0
    lines.push(
      (equal ? style.good : style.bad)(`${text}: ${equal ? 'all equal.' : `${plural(validation.differing.length, 'table')} not equal.`}`),
    )
    lines.push(...list({ total: validation.differing.length, items: validation.differing }, (table) => table, page, style.bad))
  }
  if (!metadata) return lines
  const { status, compared: kinds, differences, total, notCompared } = metadata
  const objects = Object.values(kinds).reduce((sum, count) => sum + count, 0)
  const paint = status === 'Passed' ? style.good : status === 'Failed' ? style.bad : style.warning
  lines.push(paint(`Definitions: ${plural(objects, 'object')}${total === 0 ? ': no differences.' : `, ${plural(total, 'difference')}.`}`))
  const text = (one: (typeof differences)[number]): string =>
    `${one.kind} ${one.object}, ${one.attribute}: source ${one.source ?? 'has none'}, target ${one.target ?? 'has none'}`
  lines.push(...list({ total, items: differences }, text, page, style.bad))
  lines.push(
    ...list(notCompared, ({ kind, object, reason }) => `not compared: ${kind}${object === null ? '' : ` ${object}`}: ${reason}`, page),
  )
  return lines
}

/** One paragraph for each item, and how many there are besides. */
function list<T>({ total, items }: CutList<T>, text: (item: T) => string, page: Page, paint = (mark: string): string => mark): string[] {
  const lines = items.flatMap((item) => {
    const [first = '', ...rest] = wrapped(text(item), inner(page).width - 2)
    return [`${paint('•')} ${first}`, ...rest.map((line) => `  ${line}`)]
  })
  return total > items.length ? [...lines, `and ${countText(total - items.length)} more: see the schema pgmove on the target`] : lines
}

function inner(page: Page): Page {
  return { ...page, width: page.width - INDENT.length }
}
