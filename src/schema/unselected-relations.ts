import type { LeftOutColumn } from '../mapping/left-out-columns.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
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
 * Every object that can't be without a relation or column that is not selected, by catalogue and OID, with the reason. pg_dump's archive
 * does not tell: of tables left out of the dump it knows no dependencies, and of columns none at all. A sequence that a column merely
 * owns can be without an unselected table; it goes with a left-out column, unless another default uses it. The table of a left-out
 * column is not meant, whatever in it needs the column.
 */
export async function readDependents(
  source: Database,
  unselected: readonly SourceRelation[],
  columns: readonly LeftOutColumn[] = [],
): Promise<Map<string, string>> {
  if (unselected.length === 0 && columns.length === 0) return new Map()
  const rows = await source.query<{ key: string; place: string }>(
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
     ), root (class, object, place) as (
       select 'pg_class'::regclass::oid, oid, (place - 1)::int from unnest($1::oid[]) with ordinality as x (oid, place)
       union all
       select d.classid, d.objid, -1 - x.place
         from json_to_recordset($2::json) as x (relation oid, number int, place int)
         join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = x.relation and d.refobjsubid = x.number
        where d.deptype in ('n', 'i', 'a') and not (d.classid = 'pg_class'::regclass and d.objid = x.relation)
          and not (d.classid = 'pg_class'::regclass and d.deptype = 'a' and exists (
                     select from pg_depend u join pg_attrdef f on f.oid = u.objid
                      where u.classid = 'pg_attrdef'::regclass and u.refclassid = 'pg_class'::regclass and u.refobjid = d.objid
                        and (f.adrelid, f.adnum) not in (select y.relation, y.number from json_to_recordset($2::json) as y (relation oid, number int))))
     ), dependent (class, object, place) as (
       select class, object, place from root
       union
       select e.class::oid, e.object, d.place from dependent d join edge e on e.on_class = d.class and e.on_object = d.object
     )
     select class || ':' || object as key, max(place) as place from dependent group by class, object`,
    [
      `{${unselected.map(({ oid }) => oid).join(',')}}`,
      JSON.stringify(columns.map(({ relation, number }, place) => ({ relation, number, place }))),
    ],
  )
  // Relations are counted from 0 up, columns from -1 down.
  const label = (place: number): string => {
    const [relation, column] = [unselected[place], columns[-1 - place]]
    if (column) return `${qualified(column.schema, column.table)}.${ident(column.column)}`
    return relation ? qualified(relation.schema, relation.name) : 'a table'
  }
  return new Map(rows.map(({ key, place }) => [key, `it needs ${label(Number(place))}, which is not selected`]))
}
