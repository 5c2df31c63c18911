import { shellWord } from '../../workflows/resolve-command.ts'
import type { CutList, Status } from '../../workflows/status.ts'
import { bytesText, countText, durationText, timeText } from '../amounts.ts'
import { attention, attentionLines } from '../attention.ts'
import { printable, wrapped } from '../text-width.ts'
import type { Page } from './check-lines.ts'
import { phaseLines } from './phase-lines.ts'
import { plural } from './plural.ts'
import { progressBar, sparkline } from './progress-bar.ts'
import type { StatusHistory } from './status-history.ts'
import { buildingLines, copyingLines } from './table-lines.ts'

/** What is shown of a migration. */
export interface StatusSight {
  readonly workflowId: string
  readonly status: Status
  /** Milliseconds since 1970. */
  readonly now: number
  /** What a watcher remembers; without it there are neither charts nor a rate of bytes. */
  readonly history?: StatusHistory
  /** How many entries of a list are shown; the watcher has less room. Default: all */
  readonly limit?: number
}

const INDENT = '  '
const CHART = 60

/** How a migration stands: what a person needs to know first, then the phases, figures, and what to do next. */
export function statusLines(sight: StatusSight, page: Page): string[] {
  const { workflowId, status, now, limit = 50 } = sight
  const inner = { ...page, width: page.width - INDENT.length }
  const indented = (lines: readonly string[]): string[] => lines.map((line) => INDENT + line)
  const block = (lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', ...lines])
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', page.style.heading(title), ...indented(lines)]
  const full = status.phase === 'full'
  return [
    heading(workflowId, status, now, page),
    ...block([...outages(status, now, page), ...fence(status, page)]),
    ...block(indented(phaseLines(status, now, page))),
    ...block(indented([...volume(sight, inner), ...lag(sight, inner), ...slot(status, inner)])),
    ...section('Being copied', copyingLines((status.copying ?? []).slice(0, limit), inner)),
    ...section('Being built', full ? buildingLines((status.building ?? []).slice(0, limit), inner) : []),
    ...section('Warnings', list(status.warnings, limit, inner, page.style.warning)),
    ...section('Last errors', lastErrors(status, Math.min(limit, 5), inner)),
    ...block(next(workflowId, status, page)),
  ]
}

function heading(workflowId: string, { state, phase, asOf }: Status, now: number, { style }: Page): string {
  const paint = state === 'failed' ? style.bad : state === 'running' || state === 'completed' ? style.good : style.warning
  const old = Math.max(0, now - Date.parse(asOf)) / 1000
  const age = state === 'failed' || state === 'completed' || old < 1 ? '' : `, ${durationText(old)} ago`
  const where = phase === 'done' ? '' : ` in phase ${phase}`
  return `${style.heading(printable(workflowId))}: ${paint(state)}${where}, as of ${timeText(asOf)}${age}`
}

function outages({ connection, state }: Status, now: number, { style, width }: Page): string[] {
  if (state === 'failed' || state === 'completed') return []
  return (['source', 'target'] as const).flatMap((side) => {
    const { state: reached, lostAt, deadline } = connection[side]
    if (reached !== 'reconnecting') return []
    const since = lostAt === undefined ? '' : ` since ${timeText(lostAt)} (${durationText(Math.max(0, now - Date.parse(lostAt)) / 1000)})`
    const left = deadline === undefined ? undefined : (Date.parse(deadline) - now) / 1000
    const until = left === undefined ? '' : ` until ${timeText(deadline ?? '')} (${left > 0 ? `${durationText(left)} left` : 'now'})`
    return wrapped(`The ${side} can't be reached${since}. pgmove tries again by itself${until}.`, width).map(style.warning)
  })
}

function fence({ fence: standing, state }: Status, { style, width }: Page): string[] {
  if (!standing || state === 'completed') return []
  return wrapped(`The source is read-only. By hand this lifts it: ${standing.statements.join('; ') || 'not known yet'}`, width).map(
    style.warning,
  )
}

function volume({ status, history }: StatusSight, { width, style }: Page): string[] {
  const { phase, tables, rows, bytes, rate, eta } = status
  if (tables.total === 0) return []
  const copied = `${countText(tables.copied)} of ${plural(tables.total, 'table')}, ${countText(rows)} rows, ${bytesText(bytes.copied)}`
  if (phase !== 'full') return [`Copied  ${copied}`]
  const known = Number(bytes.total) > 0 ? Number(bytes.copied) / Number(bytes.total) : tables.copied / tables.total
  const copying = tables.copied < tables.total
  // The total is an estimate.
  const share = Math.min(copying ? 0.99 : 1, known)
  const figures = [
    copying && rate > 0 ? `${countText(Math.round(rate))} rows/s` : '',
    !copying || history?.byteRate === undefined || history.byteRate < 1 ? '' : `${bytesText(history.byteRate)}/s`,
    eta === null || eta <= 0 ? '' : `about ${durationText(eta)} left, indexes included`,
  ].filter((text) => text !== '')
  return [
    `${style.command(progressBar(share, Math.max(10, Math.min(60, width - 8))))} ${Math.floor(100 * share)} %`,
    ...wrapped(`${copied} of about ${bytesText(bytes.total)}`, width),
    ...wrapped(figures.join(', '), width).filter((line) => line !== ''),
  ]
}

function lag({ status, history }: StatusSight, { width, style }: Page): string[] {
  const { lag: now, undelayed, phase, state } = status
  if (!now || state === 'failed' || state === 'completed') return []
  const judged = phase === 'incremental' ? (undelayed ? style.good(', undelayed') : style.warning(', catching up')) : ''
  const all = history?.lags ?? []
  const values = all.slice(
    Math.max(
      0,
      all.findIndex((value) => value !== null),
    ),
  )
  const seen = values.filter((value) => value !== null)
  const chart = sparkline(values, Math.max(10, Math.min(CHART, width - 50)), 1)
  const legend =
    seen.length < 2
      ? []
      : [`        ${style.command(chart)}  ${durationText(values.length * 5)}, at most ${durationText(Math.max(...seen))}`]
  return [`Lag     ${bytesText(now.bytes)}, ${durationText(now.seconds)} behind the source${judged}`, ...legend]
}

function slot({ slot: known, state }: Status, { width }: Page): string[] {
  if (!known || state === 'failed' || state === 'completed') return []
  const kept = known.retainedBytes === null ? '' : ` keeps ${bytesText(known.retainedBytes)} of WAL on the source`
  const applied = known.appliedLsn === null ? '' : `, applied up to ${known.appliedLsn}`
  return wrapped(`Slot    ${known.name}${kept}${applied}`, width)
}

function list({ total, items }: CutList<string>, limit: number, { width }: Page, paint: (text: string) => string): string[] {
  const shown = items.slice(0, limit)
  const lines = shown.flatMap((text) => {
    const [first = '', ...rest] = wrapped(text, width - 2)
    return [`${paint('!')} ${first}`, ...rest.map((line) => `  ${line}`)]
  })
  return total > shown.length ? [...lines, `and ${countText(total - shown.length)} more`] : lines
}

/** The newest first. What waits stands at the end already, with its commands. */
function lastErrors({ state, errors: { total, items } }: Status, limit: number, page: Page): string[] {
  if (state === 'waiting') return []
  const texts = items.slice(-limit).reverse()
  return list({ total, items: texts.map(({ at, type, message }) => `${timeText(at)} ${type}: ${message}`) }, limit, page, page.style.bad)
}

/** The command that goes on, if there is one. */
function next(workflowId: string, status: Status, { style, width }: Page): string[] {
  const wanted = attention(status, workflowId)
  if (wanted) {
    const [first = '', ...rest] = attentionLines(wanted).flatMap((line) => (line.startsWith('  ') ? [line] : wrapped(line, width)))
    return [style.warning('It waits for you.'), first, ...rest]
  }
  const { state, phase, undelayed, cutoverRequested } = status
  const command = (what: string, words: string): string[] => [`${what}  ${style.command(`pgmove ${words} ${shellWord(workflowId)}`)}`]
  if (state === 'completed') return command('What it did:', 'report')
  if (state === 'failed') return []
  if (state === 'paused') return command('Go on:', 'resume')
  if (phase === 'cutover') return command('Go back to replication:', 'abort-cutover')
  if (phase !== 'incremental') return []
  if (cutoverRequested === true) return ['A cutover was asked for: it begins as soon as replication is undelayed.']
  return undelayed ? command("To cut over, stop the application's writes:", 'cutover') : []
}
