import { bytesText, countText, durationText } from '../src/cli/amounts.ts'
import { wrapped } from '../src/cli/text-width.ts'
import type { Page } from '../src/cli/views/check-lines.ts'
import { phaseLines } from '../src/cli/views/phase-lines.ts'
import { progressBar } from '../src/cli/views/progress-bar.ts'
import { copyingLines } from '../src/cli/views/table-lines.ts'
import type { Phase, Status } from '../src/workflows/status.ts'

/** What the display shows at one moment. */
export interface Progress {
  readonly status: Status
  /** The application: its commits so far, and per second lately; undefined once it is stopped. */
  readonly writer: { readonly commits: number; readonly rate: number } | undefined
}

const BAR = 20

/** One line for each phase as `pgmove status` has it, and the application's: what a terminal shows, renewed in place. */
export function progressLines({ status, writer }: Progress, { style, width }: Page, now: number): string[] {
  const inner = { style, width: width - 2 }
  const lines = phaseLines(status, now, inner, (phase) => detailOf(phase, status))
  if (status.phase === 'full') lines.push(...copyingLines((status.copying ?? []).slice(0, 4), inner))
  if (writer) lines.push(`Application: ${countText(writer.commits)} commits, ${Math.round(writer.rate)} a second`)
  if (status.state !== 'running' && status.state !== 'completed') lines.push(...wrapped(stateOf(status), inner.width))
  return lines.map((line) => `  ${line}`)
}

/** The same in one line, for logs. */
export function progressLine({ status, writer }: Progress): string {
  const parts = [status.phase, detailOf(status.phase, status).replace(/^[█▉▊▋▌▍▎▏░]+ /, '')]
  if (status.phase === 'incremental') parts.push(status.undelayed ? 'undelayed' : 'catching up')
  if (writer) parts.push(`application: ${countText(writer.commits)} commits`)
  if (status.state !== 'running') parts.push(stateOf(status))
  return parts.filter((part) => part !== '').join(', ')
}

/** Changes when there is something new to say in a log: not with every figure. */
export function progressKey({ status }: Progress): string {
  const { phase, state, undelayed, tables, warnings, errors } = status
  const share = phase === 'full' && tables.total > 0 ? Math.floor((tables.copied * 5) / tables.total) : 0
  return [phase, state, undelayed && phase === 'incremental', share, warnings.total, errors.total].join(' ')
}

function detailOf(phase: Phase, { tables, rows, bytes, rate, eta, lag, phase: now }: Status): string {
  if (phase === 'full') {
    const share = tables.total > 0 ? tables.copied / tables.total : 0
    const figures = [`${tables.copied} of ${tables.total} tables`, `${countText(rows)} rows`, bytesText(bytes.copied)]
    if (now === 'full' && rate > 0) figures.push(`${countText(Math.round(rate))} rows/s`)
    if (now === 'full' && eta !== null && eta > 0) figures.push(`${durationText(eta)} left`)
    return now === 'full' ? `${progressBar(share, BAR)} ${figures.join(', ')}` : figures.join(', ')
  }
  if (phase === 'incremental' && lag) return `${bytesText(lag.bytes)} and ${durationText(lag.seconds)} behind the source`
  return ''
}

/** What a person has to know when it doesn't just run. */
export function stateOf({ phase, state, errors, precheck }: Status): string {
  if (state !== 'waiting') return state
  const unmet = (precheck?.items ?? []).filter((item) => item.status !== 'Passed')
  const last = errors.items.at(-1)
  const items = unmet.map((item) => `${item.name} (${item.status}): ${item.found}; ${item.fix}`).join('; ')
  const reason = phase === 'precheck' && items ? items : last && `${last.type}: ${last.message}`
  return `waiting for you: ${reason ?? 'no reason was given'}`
}
