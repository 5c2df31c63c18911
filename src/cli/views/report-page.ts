import type { MigrationReport } from '../../workflows/migration-report.ts'
import type { CutList } from '../../workflows/status.ts'
import { bytesText, countText, durationText, timeText } from '../amounts.ts'
import { Html, html } from './html.ts'
import type { HtmlValue } from './html.ts'
import { plural } from './plural.ts'
import { phaseChart, stepChart, tableChart } from './report-charts.ts'
import { REPORT_STYLE } from './report-style.ts'

/** What a report's page tells besides the report itself. */
export interface ReportOf {
  readonly workflowId: string
  /** ISO 8601 in UTC, of the workflow's last run. */
  readonly closedAt: string | null
}

/**
 * A migration's report as one HTML page that needs nothing else: no script, no other file, no network. Names and messages are text in it, whatever
 * they hold.
 */
export function reportPage({ workflowId, closedAt }: ReportOf, report: MigrationReport): string {
  const title = report.name ?? workflowId
  const ended = closedAt === null ? null : `, completed ${timeText(closedAt)}`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}: migration report</title>
        <style>
          ${new Html(REPORT_STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          <p class="soft">Workflow <code>${workflowId}</code>${ended}. Migration <code>${report.id}</code>: ${report.types.join(', ')}.</p>
          ${cards(report)}
        </header>
        <main>
          ${section('Phases', phaseChart(report))} ${cutoverSection(report)} ${comparison(report)}
          ${section(
            'Warnings',
            list(report.warnings, (text) => text),
          )}
          ${section('Not migrated', list(report.skipped, entry))} ${section('Done twice', list(report.repeated, entry))}
          ${section(
            'Left on the source',
            list({ total: report.left.length, items: report.left }, (text) => html`<code>${text}</code>`),
          )}
          ${section('Largest tables', (report.largest ?? []).length > 0 ? tableChart(report.largest ?? []) : null)}
          ${section('Objects created on the target', objects(report))} ${section('Sequences', sequences(report))}
        </main>
        <footer>
          Written by pgmove from the result of the workflow. Lists are cut at 50; the whole ones are in the schema pgmove on the target.
        </footer>
      </body>
    </html> `
  return page.text
}

function section(title: string, content: Html | null): Html | null {
  return (
    content &&
    html`<section>
      <h2>${title}</h2>
      ${content}
    </section>`
  )
}

function cards({ cutover, tables, rows, bytes, changes, transactions, durations, types, warnings }: MigrationReport): Html {
  const total = Object.values(durations).reduce((sum, ms) => sum + ms, 0)
  const all: (readonly [string, string])[] = []
  if (cutover) all.push([durationText(cutover.downtimeMs / 1000), 'in which nobody could write'])
  if (types.includes('full')) {
    all.push([`${countText(tables.copied)} of ${countText(tables.total)}`, 'tables copied'])
    all.push([countText(rows), `rows, ${bytesText(bytes)}`])
  }
  if (types.includes('incremental')) all.push([countText(changes), `changes in ${countText(transactions)} transactions, by the stream`])
  all.push(
    [durationText(total / 1000), 'from beginning to end'],
    [countText(warnings.total), warnings.total === 1 ? 'warning' : 'warnings'],
  )
  return html`<div class="cards">${all.map(([value, what]) => html`<div class="card"><b>${value}</b><span>${what}</span></div>`)}</div>`
}

function cutoverSection({ cutover }: MigrationReport): Html | null {
  if (!cutover) return null
  const { fence, lsn, appliedLsn, downtimeMs } = cutover
  return section(
    'Cutover',
    html`<p>
        Nobody could write for <b>${durationText(downtimeMs / 1000)}</b>, the fence being <code>${fence}</code>. What was committed before
        the marker <code>${lsn}</code> is on the target; the stream proved up to <code>${appliedLsn}</code> that nobody wrote after it.
      </p>
      ${cutover.steps.length > 0 ? stepChart(cutover) : null}`,
  )
}

function comparison({ validation, metadata }: MigrationReport): Html | null {
  const { method, rows, tables, rowsComparedAgain, differing } = validation
  const again = rowsComparedAgain === undefined ? '' : `, ${countText(rowsComparedAgain)} of them again behind the marker`
  const data =
    method === 'none'
      ? html`<p class="soft">Rows were not compared.</p>`
      : html`<p>
            ${verdict(differing.length === 0 ? 'Passed' : 'Failed')} ${countText(rows)} rows of ${plural(tables, 'table')} compared by
            ${method}${again}: ${differing.length === 0 ? 'all equal' : `${plural(differing.length, 'table')} not equal`}.
          </p>
          ${list({ total: differing.length, items: differing }, (table) => table)}`
  return section('Comparison of source and target', html`${data}${metadata && definitions(metadata)}`)
}

function definitions({ status, compared, differences, total, notCompared }: NonNullable<MigrationReport['metadata']>): Html {
  const objects = Object.values(compared).reduce((sum, count) => sum + count, 0)
  const cells = differences.map(
    (one) =>
      html`<tr>
        <td>${one.kind}</td>
        <td>${one.object}</td>
        <td>${one.attribute}</td>
        <td>${one.source ?? 'missing'}</td>
        <td>${one.target ?? 'missing'}</td>
      </tr>`,
  )
  const table = html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Kind</th>
            <th>Object</th>
            <th>Attribute</th>
            <th>Source</th>
            <th>Target</th>
          </tr>
        </thead>
        <tbody>
          ${cells}
        </tbody>
      </table>
    </div>
    ${more(total, differences.length)}`
  const missed = list(notCompared, ({ kind, object, reason }) => `${kind}${object === null ? '' : ` ${object}`}: ${reason}`)
  return html`<p>${verdict(status)} Definitions of ${plural(objects, 'object')} compared, ${plural(total, 'difference')}.</p>
    ${total > 0 ? table : null}${
      missed &&
      html`<h3>Not compared</h3>
        ${missed}`
    }`
}

function verdict(status: 'Passed' | 'Warning' | 'Failed'): Html {
  const kind = status === 'Passed' ? 'good' : status === 'Failed' ? 'bad' : 'warn'
  return html`<b class="${kind}">${status}.</b>`
}

function objects({ objects: kinds }: MigrationReport): Html | null {
  const rows = Object.entries(kinds).map(
    ([kind, count]) =>
      html`<tr>
        <td>${kind.toLowerCase()}</td>
        <td class="number">${countText(count)}</td>
      </tr>`,
  )
  return rows.length === 0
    ? null
    : html`<table>
        <tbody>
          ${rows}
        </tbody>
      </table>`
}

function sequences({ sequences: { total, items } }: MigrationReport): Html | null {
  if (total === 0) return null
  const rows = items.map(
    ({ name, value }) =>
      html`<tr>
        <td>${name}</td>
        <td class="number">${value}</td>
      </tr>`,
  )
  return html`<table>
      <thead>
        <tr>
          <th>Sequence</th>
          <th class="number">Set to</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${more(total, items.length)}`
}

function entry({ object, reason }: { readonly object: string; readonly reason: string }): Html {
  return html`<b>${object}</b>: ${reason}`
}

function list<T>({ total, items }: CutList<T>, content: (item: T) => HtmlValue): Html | null {
  if (total === 0) return null
  return html`<ul>
      ${items.map((item) => html`<li>${content(item)}</li>`)}
    </ul>
    ${more(total, items.length)}`
}

function more(total: number, shown: number): Html | null {
  return total > shown ? html`<p class="soft">and ${countText(total - shown)} more</p>` : null
}
