import type { Database } from '../postgres/connect.ts'
import { oidArray } from '../postgres/oid-array.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { SelectedTable } from '../source/selected-tables.ts'
import { oidList } from './table-lists.ts'

/** The types, and with `uses` as their name every domain, array, range and composite type that holds one of them. $1: OIDs. */
export const USES_OF_TYPES = `
  holder (type, of) as (
    select oid, typbasetype from pg_type where typtype = 'd'
    union all select oid, typelem from pg_type where typelem <> 0 and typlen = -1
    union all select rngtypid, rngsubtype from pg_range
    union all select r.reltype, a.atttypid from pg_class r join pg_attribute a on a.attrelid = r.oid and not a.attisdropped where r.relkind = 'c'
  ), uses (type) as (
    select unnest($1::oid[])
    union
    select h.type from uses u join holder h on h.of = u.type
  )`

export interface TypedColumn {
  /** Quoted, with its table. */
  readonly column: string
  /** As format_type() prints it. */
  readonly type: string
}

/** Columns of the tables that hold values of these types, directly or within a domain, array, range or composite type. */
export async function columnsOfTypes(source: Database, tables: readonly SelectedTable[], types: readonly string[]): Promise<TypedColumn[]> {
  const rows = await source.query<{ schema: string; name: string; column: string; type: string }>(
    `with recursive ${USES_OF_TYPES}
     select n.nspname as schema, c.relname as name, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any ($2::oid[]) and a.attnum > 0 and not a.attisdropped and a.atttypid in (select type from uses) order by 1, 2, a.attnum`,
    [oidArray(types), oidList(tables)],
  )
  return rows.map(({ schema, name, column, type }) => ({ column: `${qualified(schema, name)}.${ident(column)}`, type }))
}
