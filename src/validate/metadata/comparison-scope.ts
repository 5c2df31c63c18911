import type { NameMap } from '../../mapping/name-map.ts'
import type { Database } from '../../postgres/connect.ts'
import { readOwnObjects } from '../../schema/own-objects.ts'
import { readSourceRelations } from '../../schema/unselected-relations.ts'
import type { MigrationSpec } from '../../spec/migration-spec.ts'
import { selectsSchema } from '../../spec/selection.ts'
import type { CatalogueKind } from './catalogue-kind.ts'
import type { CatalogueObject } from './read-kind.ts'

/** Which objects of the source are compared. */
export interface ComparisonScope {
  includes(kind: CatalogueKind, object: CatalogueObject): boolean
  /** Schemas of the target into which whole schemas of the source go: what only the target has there is a difference. */
  readonly wholeTargetSchemas: ReadonlySet<string>
  /** Whether objects that belong to no schema are compared, and those that only the target has count. */
  readonly everything: boolean
  /** The replica identity that tables had before pgmove set FULL, by OID. */
  readonly replicaIdentities: ReadonlyMap<string, string>
}

/** Objects that can't be without an unselected relation or a column that is left out. */
const DEPENDENTS = `
with recursive edge (class, object, on_class, on_object, on_column) as (
  select d.classid::oid, d.objid, d.refclassid::oid, d.refobjid, d.refobjsubid from pg_depend d
   where d.deptype in ('n', 'i')
      or (d.deptype = 'a' and not (d.classid = 'pg_class'::regclass and exists (select from pg_class s where s.oid = d.objid and s.relkind = 'S')))
  union all
  select 'pg_class'::regclass, ev_class, 'pg_rewrite'::regclass, oid, 0 from pg_rewrite where rulename = '_RETURN'
  union all
  select 'pg_type'::regclass, reltype, 'pg_class'::regclass, oid, 0 from pg_class where reltype <> 0
  union all
  select 'pg_type'::regclass, typarray, 'pg_type'::regclass, oid, 0 from pg_type where typarray <> 0
), dependent (class, object) as (
  select 'pg_class'::regclass::oid, oid from unnest($1::oid[]) as oid
  union
  select e.class, e.object from json_to_recordset($2::json) as c (oid oid, col int)
    join edge e on e.on_class = 'pg_class'::regclass and e.on_object = c.oid and e.on_column = c.col
   where not (e.class = 'pg_class'::regclass and e.object = c.oid)
  union
  select e.class, e.object from dependent d join edge e on e.on_class = d.class and e.on_object = d.object
)
select distinct class || ':' || object as key from dependent`

/** What the selected relations and schemas need, by pg_depend. */
const NEEDED = `
with recursive edge (class, object, on_class, on_object) as (
  select classid::oid, objid, refclassid::oid, refobjid from pg_depend where deptype in ('n', 'a', 'i', 'x') and refobjid >= 16384
  union all
  select 'pg_class'::regclass, ev_class, 'pg_rewrite'::regclass, oid from pg_rewrite
  union all
  select 'pg_class'::regclass, adrelid, 'pg_attrdef'::regclass, oid from pg_attrdef
  union all
  select 'pg_class'::regclass, conrelid, 'pg_constraint'::regclass, oid from pg_constraint where conrelid <> 0
  union all
  select 'pg_type'::regclass, contypid, 'pg_constraint'::regclass, oid from pg_constraint where contypid <> 0
  union all
  select 'pg_class'::regclass, indrelid, 'pg_class'::regclass, indexrelid from pg_index
  union all
  select 'pg_class'::regclass, tgrelid, 'pg_trigger'::regclass, oid from pg_trigger where not tgisinternal
  union all
  select 'pg_class'::regclass, polrelid, 'pg_policy'::regclass, oid from pg_policy
  union all
  select 'pg_type'::regclass, oid, 'pg_type'::regclass, typelem from pg_type where typelem <> 0
  union all
  select 'pg_class'::regclass, refobjid, 'pg_class'::regclass, objid from pg_depend
   where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0
), needed (class, object) as (
  select split_part(key, ':', 1)::oid, split_part(key, ':', 2)::oid from unnest($1::text[]) as key
  union
  select e.on_class, e.on_object from needed n join edge e on e.class = n.class and e.object = n.object
   where not (e.on_class = 'pg_class'::regclass and e.on_object = any ($2::oid[]))
)
select distinct class || ':' || object as key from needed`

/** The selection as the spec means it, computed on the source's catalogues. */
export async function comparisonScope(
  source: Database,
  spec: Pick<MigrationSpec, 'objects' | 'exclude'>,
  map: NameMap,
): Promise<ComparisonScope> {
  const own = await readOwnObjects(source)
  const schemas = await source.query<{ name: string }>('select nspname as name from pg_namespace')
  const whole = new Set(schemas.map(({ name }) => name).filter((name) => selectsSchema(spec, name) === 'whole'))
  const relations = await readSourceRelations(source, spec)
  const unselected = relations.filter(({ selected }) => !selected).map(({ oid }) => oid)
  const [{ pg_class } = { pg_class: '' }] = await source.query<{ pg_class: string }>(`select 'pg_class'::regclass::oid as pg_class`)
  const leftOut = await leftOutColumns(source, map)
  const dependents = new Set<string>()
  if (unselected.length > 0 || leftOut.length > 0) {
    const rows = await source.query<{ key: string }>(DEPENDENTS, [list(unselected), JSON.stringify(leftOut)])
    for (const { key } of rows) dependents.add(key)
  }
  const everything = spec.objects === null
  const needed = new Set<string>()
  const selected = relations.filter(({ oid, selected }) => selected && !dependents.has(`${pg_class}:${oid}`))
  if (!everything || spec.exclude.length > 0) {
    const keys = selected.map(({ oid }) => `${pg_class}:${oid}`)
    const rows = await source.query<{ key: string }>(NEEDED, [list(keys), list(unselected)])
    for (const { key } of rows) needed.add(key)
  }
  const tables = new Set(selected.map(({ schema, name }) => `${schema}\0${name}`))
  return {
    everything,
    replicaIdentities: own.replicaIdentities,
    wholeTargetSchemas: new Set([...whole].map((name) => map.schema(name))),
    includes(kind, { class: catalogue, oid, schema, relation, name }) {
      const key = `${catalogue}:${oid}`
      if (own.objects.has(key) || dependents.has(key)) return false
      if (kind.ofTable) {
        if (schema === null || relation === null || !tables.has(`${schema}\0${relation}`)) return false
        return kind.kind !== 'column' || name === null || map.column({ schema, name: relation }, name) !== undefined
      }
      // A fence, which stays after a completed cutover, when nothing on the source records it any more; it is never brought over.
      if (kind.kind === 'setting' && name === 'default_transaction_read_only') return false
      if (kind.kind === 'schema') return schema !== null && whole.has(schema)
      return (schema === null ? everything : whole.has(schema)) || needed.has(key)
    },
  }
}

async function leftOutColumns(source: Database, map: NameMap): Promise<{ oid: string; col: string }[]> {
  const tables = map.data.tables.filter(({ columns }) => columns !== undefined)
  if (tables.length === 0) return []
  return source.query<{ oid: string; col: string }>(
    `select c.oid, a.attnum as col
       from json_to_recordset($1::json) as t (schema text, name text, kept json)
       join pg_namespace n on n.nspname = t.schema join pg_class c on c.relnamespace = n.oid and c.relname = t.name
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where not exists (select from json_array_elements_text(t.kept) k (name) where k.name = a.attname)`,
    [JSON.stringify(tables.map(({ schema, name, columns }) => ({ schema, name, kept: columns?.map(([column]) => column) })))],
  )
}

function list(items: readonly string[]): string {
  return `{${items.map((item) => `"${item}"`).join(',')}}`
}
