import type { Database } from '../postgres/connect.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryKey } from './entry-stage.ts'

/** The table that an entry belongs to. */
export interface EntryTable {
  readonly schema: string
  readonly name: string
  /** pg_class.relkind of the table. */
  readonly kind: string
}

interface Row extends Record<string, string | null> {
  key: string
  schema: string
  name: string
  kind: string
}

/** Each catalogue whose objects belong to a table, and where the table stands in it. */
const OWNERS = `
  select 'pg_class'::regclass as catalog, indexrelid as oid, indrelid as relation from pg_index
  union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint where conrelid <> 0
  union all select 'pg_trigger'::regclass, oid, tgrelid from pg_trigger
  union all select 'pg_attrdef'::regclass, oid, adrelid from pg_attrdef
  union all select 'pg_rewrite'::regclass, oid, ev_class from pg_rewrite
  union all select 'pg_policy'::regclass, oid, polrelid from pg_policy
  union all select 'pg_statistic_ext'::regclass, oid, stxrelid from pg_statistic_ext
  union all select 'pg_class'::regclass, s.oid, d.refobjid
              from pg_class s join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
                                              and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
             where s.relkind = 'S'
  union all select 'pg_class'::regclass, oid, oid from pg_class where relkind in ('r', 'p', 'v', 'm', 'f')`

/** The table of every entry that belongs to one, by dump id; a table belongs to itself. Names and OIDs are those of `database` now. */
export async function readEntryTables(database: Database, entries: readonly TocEntry[]): Promise<Map<number, EntryTable>> {
  const rows = await database.query<Row>(
    `select o.catalog::oid || ':' || o.oid as key, n.nspname as schema, c.relname as name, c.relkind as kind
       from (${OWNERS}) as o
       join pg_class c on c.oid = o.relation
       join pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
  )
  const byKey = new Map(rows.map(({ key, schema, name, kind }) => [key, { schema, name, kind }]))
  const relations = new Map(rows.filter(({ key }) => key.startsWith('1259:')).map((row) => [row.key.slice(5), row]))
  const tables = new Map<number, EntryTable>()
  for (const entry of entries) {
    const table = byKey.get(entryKey(entry)) ?? indirectTable(entry, tables, relations)
    if (table) tables.set(entry.dumpId, { schema: table.schema, name: table.name, kind: table.kind })
  }
  return tables
}

/** Entries of which pg_dump tells no catalogue; what they depend on stands before them in the archive. */
function indirectTable(
  { kind, oid, dependencies }: TocEntry,
  tables: ReadonlyMap<number, EntryTable>,
  relations: ReadonlyMap<string, EntryTable>,
): EntryTable | undefined {
  if (kind === 'ROW SECURITY') return relations.get(oid)
  const known = dependencies.flatMap((id) => tables.get(id) ?? [])
  const [first] = known
  // The partition and its root.
  if (kind === 'TABLE ATTACH' || kind === 'SEQUENCE OWNED BY') return first
  // Its indexes and their tables, in no order; attaching is the root's business.
  if (kind === 'INDEX ATTACH') return known.find((table) => table.kind === 'p')
  return undefined
}
