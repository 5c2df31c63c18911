import { oidArray } from '../postgres/oid-array.ts'
import type { TableName } from '../source/selected-tables.ts'

/** Parameter for `any ($n::oid[])`. */
export function oidList(tables: readonly { readonly oid: string }[]): string {
  return oidArray(tables.map(({ oid }) => oid))
}

/** Parameter for `json_to_recordset($n::json) as x (schema text, name text)`. */
export function nameList(tables: readonly TableName[]): string {
  return JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })))
}
