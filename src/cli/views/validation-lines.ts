import type { DataResult } from '../../workflows/data-result.ts'
import type { MetadataResult, ValidationResult } from '../../workflows/metadata-result.ts'
import { bytesText } from '../amounts.ts'
import { columns } from '../columns.ts'
import type { Page } from './check-lines.ts'
import { plural } from './plural.ts'

/** How source and target compare. */
export function validationLines({ metadata, data }: ValidationResult, page: Page): string[] {
  return [...(metadata ? metadataLines(metadata, page) : []), ...(metadata && data ? [''] : []), ...(data ? dataLines(data, page) : [])]
}

function metadataLines({ status, compared, differences, total, notCompared }: MetadataResult, page: Page): string[] {
  const objects = Object.values(compared).reduce((sum, count) => sum + count, 0)
  const lines = [`${verdict('Definitions', status, page)} ${plural(objects, 'object')} compared, ${plural(total, 'difference')}.`]
  const header = ['KIND', 'OBJECT', 'ATTRIBUTE', 'SOURCE', 'TARGET']
  const rows = differences.map((one) => [one.kind, one.object, one.attribute, one.source ?? 'missing', one.target ?? 'missing'])
  if (rows.length > 0) lines.push(...columns(rows, { width: page.width, header, paintHeader: page.style.heading }))
  if (total > differences.length) lines.push(`and ${total - differences.length} more`)
  return [
    ...lines,
    ...notComparedLines(
      notCompared.items.map(({ kind, object, reason }) => [object ?? kind, reason]),
      notCompared.total,
    ),
  ]
}

function dataLines({ status, method, tables, rows, bytes, differing, notCompared, kept }: DataResult, page: Page): string[] {
  const moving = differing.items.filter(({ missing, extra, different }) => missing + extra + different === 0).length
  const found = [
    `${differing.total - moving} differing`,
    ...(moving > 0 ? [`${moving} with rows that changed whenever they were looked at`] : []),
  ]
  const volume = method === 'count' ? '' : ` (${bytesText(bytes)})`
  const lines = [
    `${verdict('Rows', status, page)} ${plural(rows, 'row')}${volume} of ${plural(tables, 'table')} compared by ${method}, ${found.join(', ')}.`,
  ]
  const header = ['TABLE', 'MISSING', 'EXTRA', 'DIFFERENT', 'UNDECIDED']
  const cells = differing.items.map((one) => [one.table, ...[one.missing, one.extra, one.different, one.undecided].map(String)])
  if (cells.length > 0) lines.push(...columns(cells, { width: page.width, header, paintHeader: page.style.heading }))
  if (differing.total > differing.items.length) lines.push(`and ${differing.total - differing.items.length} more`)
  if (kept !== null) lines.push(`The keys of the rows that differ are on the target: ${kept}`)
  return [
    ...lines,
    ...notComparedLines(
      notCompared.items.map(({ object, reason }) => [object, reason]),
      notCompared.total,
    ),
  ]
}

function verdict(what: string, status: 'Passed' | 'Warning' | 'Failed', { style }: Page): string {
  const paint = status === 'Passed' ? style.good : status === 'Failed' ? style.bad : style.warning
  return paint(`${what}: ${status}.`)
}

function notComparedLines(items: readonly (readonly [string, string])[], total: number): string[] {
  const more = total > items.length ? [`and ${total - items.length} more`] : []
  return [...items.map(([object, reason]) => `Not compared: ${object}: ${reason}`), ...more]
}
