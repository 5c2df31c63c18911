import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects } from '../spec/selection.ts'

/** A table or view, with the name that the selection asks for: a partition goes with its topmost root. */
export interface SourceRelation {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly selected: boolean
}

interface Row extends Record<string, string | null> {
  oid: string
  schema: string
  name: string
  parent: string | null
}

/** Every table, view, materialized view and foreign table of user schemas, and whether the spec selects it. */
export async function readSourceRelations(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SourceRelation[]> {
  const rows = await source.query<Row>(
    `select c.oid, n.nspname as schema, c.relname as name, p.inhparent as parent
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       left join pg_inherits p on p.inhrelid = c.oid and c.relispartition
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by n.nspname, c.relname`,
  )
  const byOid = new Map(rows.map((row) => [row.oid, row]))
  return rows.map((row) => {
    let root = row
    for (let above = byOid.get(root.parent ?? ''); above; above = byOid.get(root.parent ?? '')) root = above
    return { oid: row.oid, schema: row.schema, name: row.name, selected: selects(spec, root.schema, root.name) }
  })
}

/**
 * Every object that can't be without a relation that is not selected, by catalogue and OID, with the reason. pg_dump's archive
 * does not tell: of tables left out of the dump it knows no dependencies. A sequence that a column merely owns can be without it.
 */
export async function readDependents(source: Database, unselected: readonly SourceRelation[]): Promise<Map<string, string>> {
  if (unselected.length === 0) return new Map()
  const rows = await source.query<{ key: string; relation: string }>(
    `with recursive edge (class, object, on_class, on_object) as (
       select d.classid, d.objid, d.refclassid, d.refobjid from pg_depend d
        where d.deptype in ('n', 'i')
           or (d.deptype = 'a' and not (d.classid = 'pg_class'::regclass and exists (select from pg_class s where s.oid = d.objid and s.relkind = 'S')))
       union all
       select 'pg_class'::regclass, ev_class, 'pg_rewrite'::regclass, oid from pg_rewrite where rulename = '_RETURN'
       union all
       select 'pg_type'::regclass, reltype, 'pg_class'::regclass, oid from pg_class where reltype <> 0
       union all
       select 'pg_type'::regclass, typarray, 'pg_type'::regclass, oid from pg_type where typarray <> 0
     ), dependent (class, object, relation) as (
       select 'pg_class'::regclass::oid, oid, oid from unnest($1::oid[]) as oid
       union
       select e.class::oid, e.object, d.relation from dependent d join edge e on e.on_class = d.class and e.on_object = d.object
     )
     select class || ':' || object as key, min(relation) as relation from dependent group by class, object`,
    [`{${unselected.map(({ oid }) => oid).join(',')}}`],
  )
  const names = new Map(unselected.map(({ oid, schema, name }) => [oid, qualified(schema, name)]))
  return new Map(rows.map(({ key, relation }) => [key, `it needs ${names.get(relation) ?? 'a table'}, which is not selected`]))
}
