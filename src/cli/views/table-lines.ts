import type { IndexBuild, TableProgress } from '../../workflows/status.ts'
import { bytesText, countText, durationText } from '../amounts.ts'
import { columns } from '../columns.ts'
import type { Cell } from '../columns.ts'
import { shortened, printable } from '../text-width.ts'
import type { Page } from './check-lines.ts'
import { progressBar } from './progress-bar.ts'

/** The tables that are being copied, each with a bar, its figures and what remains. */
export function copyingLines(tables: readonly TableProgress[], page: Page): string[] {
  const narrow = page.width < 100
  const rows = tables.map(({ table, rows, bytes, total, rate }): Cell[] => {
    const share = Number(total) > 0 ? Math.min(1, Number(bytes) / Number(total)) : 0
    const left = rate === null || rate < 1 ? '' : `${durationText(Math.max(0, Number(total) - Number(bytes)) / rate)} left`
    const figures = [`${countText(rows)} rows`, rate === null ? '' : `${bytesText(rate)}/s`]
    return [
      name(table, page),
      { text: progressBar(share, narrow ? 10 : 20), paint: page.style.command },
      `${Math.floor(100 * share)} %`,
      `${bytesText(bytes)} of ${bytesText(total)}`,
      ...(narrow ? [] : figures),
      left,
    ]
  })
  return columns(rows, page)
}

/** The indexes that are being built, with what PostgreSQL tells of them. */
export function buildingLines(indexes: readonly IndexBuild[], page: Page): string[] {
  const rows = indexes.map(({ table, index, phase, percent }): Cell[] => [
    name(index === null ? `an index of ${table}` : `${index} of ${table}`, page),
    {
      text: percent === null ? '' : progressBar(percent / 100, page.width < 100 ? 10 : 20),
      paint: page.style.command,
    },
    percent === null ? '' : `${Math.floor(percent)} %`,
    phase,
  ])
  return columns(rows, page)
}

/** A name must leave room for the figures. */
function name(text: string, { width }: Page): string {
  return shortened(printable(text), Math.max(20, Math.floor(width / 3)))
}
