import { ident, qualified } from '../postgres/quote.ts'
import { selects } from '../spec/selection.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'
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

/** Their rows are elsewhere, and a partition that is a foreign table holds none to be copied. */
export const foreignTables: Check = {
  name: 'foreign_tables',
  expected: 'for information: of foreign tables only the definitions are brought over, without passwords of user mappings',
  applies: ({ schema }) => schema,
  run: async ({ source, spec }) => {
    const rows = await source.query<{ schema: string; name: string; server: string }>(
      `select n.nspname as schema, c.relname as name, s.srvname as server
         from pg_foreign_table f join pg_class c on c.oid = f.ftrelid join pg_namespace n on n.oid = c.relnamespace
         join pg_foreign_server s on s.oid = f.ftserver order by 1, 2`,
    )
    const selected = rows.filter(({ schema, name }) => selects(spec, schema, name))
    return passed(
      selected.length === 0 ? 'none' : `${selected.length}`,
      selected.map(({ schema, name, server }) => `${qualified(schema, name)} of server ${ident(server)}`),
    )
  },
}

/** They would fire in replica role too, on rows that have gone through them on the source. */
export const alwaysTriggers: Check = {
  name: 'always_triggers',
  expected: 'for information: triggers and rules that are enabled ALWAYS or REPLICA are off on the target until the cutover, as all are',
  applies: ({ schema, full, incremental }) => schema && (full || incremental),
  run: async ({ source, tables }) => {
    const rows = await source.query<{ kind: string; name: string; schema: string; table: string; state: string }>(
      `select x.kind, x.name, n.nspname as schema, c.relname as "table", case x.state when 'A' then 'ALWAYS' else 'REPLICA' end as state
         from (select 'trigger' as kind, tgname as name, tgrelid as relation, tgenabled as state from pg_trigger where not tgisinternal
               union all select 'rule', rulename, ev_class, ev_enabled from pg_rewrite) x
         join pg_class c on c.oid = x.relation join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and x.state in ('A', 'R') order by 3, 4, 1, 2`,
      [oidList(tables)],
    )
    return passed(
      rows.length === 0 ? 'none' : `${rows.length}`,
      rows.map(({ kind, name, schema, table, state }) => `${kind} ${ident(name)} on ${qualified(schema, table)} (${state})`),
    )
  },
}

export const eventTriggers: Check = {
  name: 'event_triggers',
  expected: 'for information: event triggers are not brought over',
  applies: ({ schema }) => schema,
  run: async ({ source }) => {
    const rows = await source.query<{ name: string }>(
      `select e.evtname as name from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace
        where e.evtenabled <> 'D' and n.nspname <> 'pgmove' order by 1`,
    )
    return passed(
      rows.length === 0 ? 'none' : `${rows.length}`,
      rows.map(({ name }) => ident(name)),
    )
  },
}
