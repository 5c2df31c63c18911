import { ident, qualified } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import { oidList } from './table-lists.ts'

export const unloggedTables: Check = {
  name: 'unlogged_tables',
  expected: 'no selected table is unlogged',
  applies: ({ incremental }) => incremental,
  run: async ({ tables, full }) => {
    const unlogged = tables.filter(({ kind, persistence }) => kind === 'r' && persistence === 'u')
    if (unlogged.length === 0) return passed('none')
    return warning(
      `${unlogged.length}, whose changes are in no stream`,
      full
        ? 'They are copied once more at cutover, which prolongs it by that time: ignore this warning if that is acceptable, else "alter table … set logged", or exclude them.'
        : 'What is written to them is not brought over: "alter table … set logged", exclude them, or write to them no more.',
      unlogged.map(({ schema, name }) => qualified(schema, name)),
    )
  },
}

export const tablesWithOids: Check = {
  name: 'tables_with_oids',
  expected: 'no selected table has the system column oid',
  applies: ({ source }) => source.version < 120000,
  run: async ({ source, tables }) => {
    const rows = await source.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and c.relhasoids order by 1, 2`,
      [oidList(tables)],
    )
    if (rows.length === 0) return passed('none')
    return warning(
      `${rows.length} WITH OIDS`,
      'The column oid is not brought over. If something uses it, give the table a column of its own: "alter table … set without oids".',
      rows.map(({ schema, name }) => qualified(schema, name)),
    )
  },
}

/** abstime, reltime, tinterval and their arrays were removed in 12. */
const REMOVED = '{702,703,704,1023,1024,1025}'

export const removedTypes: Check = {
  name: 'removed_types',
  expected: 'no column of a type that the target no longer has',
  applies: ({ source, target }) => source.version < 120000 && target.version >= 120000,
  run: async ({ source, tables }) => {
    const rows = await source.query<{ schema: string; name: string; column: string; type: string }>(
      `with recursive uses (type) as (
         select unnest($2::oid[])
         union
         select case when t.oid is not null then t.oid else r.reltype end
           from uses u
           left join pg_type t on t.typbasetype = u.type or t.typelem = u.type and t.typlen = -1
           left join (pg_attribute a join pg_class r on r.oid = a.attrelid and r.relkind = 'c') on a.atttypid = u.type and not a.attisdropped
          where t.oid is not null or r.oid is not null
       )
       select n.nspname as schema, c.relname as name, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
         from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and a.attnum > 0 and not a.attisdropped and a.atttypid in (select type from uses) order by 1, 2, a.attnum`,
      [oidList(tables), REMOVED],
    )
    if (rows.length === 0) return passed('none')
    return failed(
      `${rows.length} columns of ${[...new Set(rows.map(({ type }) => type))].join(', ')}`,
      'PostgreSQL 12 removed these types: change the columns to timestamptz, interval or tstzrange on the source, or exclude the tables.',
      rows.map(({ schema, name, column }) => `${qualified(schema, name)}.${ident(column)}`),
    )
  },
}

/** In replica role nothing checks them again; the cutover does. */
export const deferrableKeys: Check = {
  name: 'deferrable_keys',
  expected: 'for information: unique and exclusion constraints that are deferrable are verified at cutover',
  applies: ({ incremental }) => incremental,
  run: async ({ source, tables }) => {
    const rows = await source.query<{ schema: string; table: string; name: string }>(
      `select n.nspname as schema, c.relname as table, k.conname as name
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        where k.conrelid = any ($1::oid[]) and k.contype in ('p', 'u', 'x') and k.condeferrable order by 1, 2, 3`,
      [oidList(tables)],
    )
    return passed(
      rows.length === 0 ? 'none' : `${rows.length}`,
      rows.map(({ schema, table, name }) => `${ident(name)} on ${qualified(schema, table)}`),
    )
  },
}

export const eventTriggers: Check = {
  name: 'event_triggers',
  expected: 'for information: event triggers are not brought over',
  applies: ({ schema }) => schema,
  run: async ({ source }) => {
    const rows = await source.query<{ name: string }>(`select evtname as name from pg_event_trigger where evtenabled <> 'D' order by 1`)
    return passed(
      rows.length === 0 ? 'none' : `${rows.length}`,
      rows.map(({ name }) => ident(name)),
    )
  },
}
