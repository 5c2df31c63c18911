import type { MigrationReport } from '../../workflows/migration-report.ts'
import { bytesText, countText, durationText } from '../amounts.ts'
import { cutoverChart } from './cutover-chart.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { PHASE_TITLES } from './phase-titles.ts'

/** Part of the width of a chart, 0 to 1. */
interface Span {
  readonly from: number
  readonly to: number
}

/** The phases one after another, on the time of all. */
export function phaseChart({ durations }: MigrationReport): Html {
  const known = PHASE_TITLES.map(([phase, title]) => ({ title, ms: durations[phase] ?? null })).filter(({ ms }) => ms !== null)
  const total = Math.max(
    1,
    known.reduce((sum, { ms }) => sum + (ms ?? 0), 0),
  )
  let before = 0
  const rows = known.map(({ title, ms }) => {
    const span = { from: before / total, to: (before + (ms ?? 0)) / total }
    before += ms ?? 0
    return row(title, bar(span), durationText((ms ?? 0) / 1000))
  })
  return html`${rows}${axis(['0', durationText(total / 2000), durationText(total / 1000)])}`
}

/** The tables with the most bytes. */
export function tableChart(largest: NonNullable<MigrationReport['largest']>): Html {
  const most = Math.max(1, ...largest.map(({ bytes }) => Number(bytes)))
  const rows = largest.map(({ table, rows, bytes }) =>
    row(table, bar({ from: 0, to: Number(bytes) / most }), `${bytesText(bytes)}, ${countText(rows)} rows`),
  )
  return html`<div class="wide">${rows}</div>`
}

/** The steps of a cutover in milliseconds; the time in which nobody could write is shaded. Steps outside have their duration only. */
export function stepChart(cutover: NonNullable<MigrationReport['cutover']>): Html {
  const { downtimeMs } = cutover
  const steps = cutoverChart(cutover)
  // What began long before, such as making the source read-only, must not squeeze the rest.
  const first = Math.max(-downtimeMs / 4, Math.min(0, ...steps.filter(({ inDowntime }) => inDowntime).map(({ from }) => from)))
  const length = Math.max(1, downtimeMs - first)
  const place = (ms: number): number => (ms - first) / length
  const rows = steps.map(({ title, from, to, inDowntime }) => {
    const chart = inDowntime
      ? bar({ from: place(from), to: place(to) }, { from: place(0), to: 1 })
      : html`<span class="soft">${from < 0 ? 'before the downtime' : 'after the downtime'}</span>`
    return row(title, chart, to - from < 10_000 ? `${Math.round(to - from)} ms` : durationText((to - from) / 1000))
  })
  const offset = (100 * place(0)).toFixed(2)
  const ticks = html`<div class="ticks" style="margin-left:${offset}%">
    <span>0 ms</span><span>${Math.round(downtimeMs / 2)} ms</span><span>${Math.round(downtimeMs)} ms</span>
  </div>`
  return html`${rows}
    <div class="row axis"><span class="name"></span>${ticks}<span class="value"></span></div>`
}

function row(name: string, chart: Html, value: string): Html {
  return html`<div class="row"><span class="name">${name}</span>${chart}<span class="value">${value}</span></div> `
}

function bar(span: Span, shaded: Span = { from: 0, to: 1 }): Html {
  return html`<svg aria-hidden="true">
    ${rectangle(shaded, shaded.from === 0 && shaded.to === 1 ? 'track' : 'span')}${rectangle(span, 'bar')}
  </svg>`
}

/** Nothing that took place is invisible. */
function rectangle({ from, to }: Span, kind: string): Html {
  const bounded = (share: number): number => Math.min(1, Math.max(0, share))
  const start = Math.min(99.5, 100 * bounded(from))
  const width = Math.max(0.5, 100 * bounded(to) - start)
  return html`<rect class="${kind}" x="${start.toFixed(2)}%" width="${width.toFixed(2)}%" height="100%" rx="2" />`
}

function axis(ticks: readonly string[]): Html {
  const marks = ticks.map((tick) => html`<span>${tick}</span>`)
  return html`<div class="row axis">
    <span class="name"></span>
    <div class="ticks">${marks}</div>
    <span class="value"></span>
  </div>`
}
