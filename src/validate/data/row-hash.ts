import { ident } from '../../postgres/quote.ts'
import type { ComparedColumn } from './compared-columns.ts'
import type { TableSide } from './compared-table.ts'

/** What a derived table calls the text of the value in a place. */
const value = (place: number): string => `v${place}`

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

/**
 * A derived table `r` over the rows of one side that `where` chooses (of `t`): key `k` as a JSON array of texts (null without a key), hash
 * `h`, version `v` (xmin and ctid: as long as both stay, so does the row), and the number of bytes `n` of what was hashed.
 */
export function hashedRows(side: TableSide, key: readonly number[], { from = '', where = '' } = {}): string {
  const { columns, name } = side
  const values = columns.map((column, place) => `${valueText(column)} as ${value(place)}`)
  const bytes = (text: string): string => (side.sameEncoding ? text : `convert_to(${text}, 'UTF8')`)
  // Each with its length before it, so that no two rows have the same text.
  const row = columns.map((_, place) => `coalesce(length(${value(place)}) || ':' || ${value(place)}, 'N')`)
  const text = row.length === 0 ? `''` : row.join(' || ')
  const keyText = key.length === 0 ? 'null' : `json_build_array(${key.map(value).join(', ')})::text`
  // OFFSET 0: else each value's text is made anew wherever it is named.
  return `(select k, md5(${bytes('x')}) as h, length(x) as n, v
             from (select ${keyText} as k, ${text} as x, v
                     from (select ${[...values, `t.xmin || ' ' || t.ctid as v`].join(', ')}
                             from ${from}only ${name} as t ${where === '' ? '' : `where ${where}`} offset 0) as s offset 0) as d) as r`
}

/** Aggregates that don't depend on the rows' order: their number, the sums of two halves of their hashes, and bytes. */
export const CHECKSUM = `count(*) as rows, coalesce(sum(('x' || substr(r.h, 1, 16))::bit(64)::bigint), 0) as a,
  coalesce(sum(('x' || substr(r.h, 17, 16))::bit(64)::bigint), 0) as b, coalesce(sum(r.n), 0) as bytes`
