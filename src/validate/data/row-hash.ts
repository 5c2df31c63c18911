import { ident } from '../../postgres/quote.ts'
import type { ComparedColumn } from './compared-columns.ts'
import type { TableSide } from './compared-table.ts'

/** The text of a column's value: the same for equal values on every major under the pinned settings; NULL for NULL. */
export function valueText({ name, form }: ComparedColumn): string {
  const column = `t.${ident(name)}`
  switch (form.by) {
    case 'text':
      return `${column}::text`
    case 'output':
      // A composite of NULLs IS NULL, but is no NULL: num_nulls tells them apart.
      return `case when num_nulls(${column}) = 0 then format('%s', ${column}) end`
    case 'send': {
      const hex = `encode(${form.send}(${column}), 'hex')`
      // There are many NaNs, which count as one and are written as one.
      return form.scalar ? `case when ${column} = 'NaN' then 'NaN' else ${hex} end` : hex
    }
    case 'none':
      throw new Error(`the column ${name} has no text`)
  }
}

/** A column's value as a field of a record, whose text keeps the fields apart: its own output function, but for what needs another form. */
function field(column: ComparedColumn): string {
  return column.form.by === 'send' ? valueText(column) : `t.${ident(column.name)}`
}

export interface HashedRowsOptions {
  /** What stands before the table in FROM, and which of its rows are chosen (of `t`). */
  readonly from?: string
  readonly where?: string
  /** Whether `k` and `v` are wanted; without them reading is faster. Default true. */
  readonly identified?: boolean
}

/**
 * A derived table `r` over the rows of one side: the two halves of a hash of 128 bits `a` and `b`, the number of bytes `n` of what was hashed,
 * and if rows are to be identified key `k` as a JSON array of texts (null without a key) and version `v` (xmin and ctid: as long as both stay, so does the row).
 */
export function hashedRows(
  side: TableSide,
  key: readonly number[],
  { from = '', where = '', identified = true }: HashedRowsOptions = {},
): string {
  const { columns, name, hash } = side
  const record = `row(${columns.map(field).join(', ')})::text`
  const keys = key.map((place) => columns[place]).filter((column) => column !== undefined)
  const k = keys.length === 0 ? 'null' : `json_build_array(${keys.map(valueText).join(', ')})::text`
  const known = identified ? `, ${k} as k, t.xmin || ' ' || t.ctid as v` : ''
  const kept = identified ? ', k, v' : ''
  // OFFSET 0: else the text and its hash are made anew wherever they are named.
  const texts = `(select ${record} as x${known} from ${from}only ${name} as t ${where === '' ? '' : `where ${where}`} offset 0) as s`
  if (hash === 'hashtextextended')
    return `(select hashtextextended(x collate "C", 1) as a, hashtextextended(x collate "C", 2) as b, octet_length(x) as n${kept} from ${texts} offset 0) as r`
  const bytes = side.sameEncoding ? 'x' : `convert_to(x, 'UTF8')`
  const half = (at: number): string => `('x' || substr(h, ${at}, 16))::bit(64)::bigint`
  const hashed = `(select md5(${bytes}) as h, octet_length(x) as n${kept} from ${texts} offset 0) as m`
  return `(select ${half(1)} as a, ${half(17)} as b, n${kept} from ${hashed} offset 0) as r`
}

/** A row's hash as text. */
export const HASH = `r.a || ' ' || r.b`

/** Aggregates that don't depend on the rows' order: their number, the sums of two halves of their hashes, and bytes. */
export const CHECKSUM = `count(*) as rows, coalesce(sum(r.a), 0) as a, coalesce(sum(r.b), 0) as b, coalesce(sum(r.n), 0) as bytes`
