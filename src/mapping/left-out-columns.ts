import type { Database } from '../postgres/connect.ts'
import type { NameMap } from './name-map.ts'

/** A column of the source that is not selected, though its table is. */
export interface LeftOutColumn {
  /** OID of the table. */
  readonly relation: string
  /** pg_attribute.attnum. */
  readonly number: string
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** Columns that the map leaves out. Asks nothing of the server if it chooses no columns. */
export async function readLeftOutColumns(source: Database, names: NameMap): Promise<LeftOutColumn[]> {
  const tables = names.data.tables.filter(({ columns }) => columns !== undefined)
  if (tables.length === 0) return []
  const rows = await source.query<{ relation: string; number: string; schema: string; table: string; column: string }>(
    `select c.oid as relation, a.attnum as number, n.nspname as schema, c.relname as "table", a.attname as "column"
       from json_to_recordset($1::json) as t (schema text, name text)
       join pg_namespace n on n.nspname = t.schema join pg_class c on c.relnamespace = n.oid and c.relname = t.name
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      order by 3, 4, a.attnum`,
    [JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })))],
  )
  return rows.filter(({ schema, table, column }) => names.column({ schema, name: table }, column) === undefined)
}
