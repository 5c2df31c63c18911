import type { NameMap, RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { readSourceRelations } from '../schema/unselected-relations.ts'
import { selectsSchema } from '../spec/selection.ts'
import type { PrecheckContext } from './precheck-context.ts'

interface Row extends Record<string, string | null> {
  class: NameClass
  schema: string
  name: string
  kind: string
  /** The table of an index, or the relation itself. */
  relation: string | null
  table_schema: string | null
  table_name: string | null
}

/** What shares one set of names in a schema. Tables and views are types too. */
type NameClass = 'relation' | 'type' | 'function'

/** An object that the migration makes, with the name that it gets. */
interface MadeObject {
  readonly class: NameClass
  /** On the source. */
  readonly label: string
  readonly kind: string
  readonly schema: string
  readonly name: string
  /** Of an index the table, quoted, on the target. */
  readonly table: string | undefined
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'table', p: 'table', v: 'view', m: 'materialized view', f: 'foreign table', S: 'sequence', i: 'index', I: 'index', c: 'type', t: 'type', F: 'function',
} // prettier-ignore

const OBJECTS = `
  select 'relation' as class, n.nspname as schema, c.relname as name, c.relkind::text as kind, coalesce(i.indrelid, c.oid) as relation,
         tn.nspname as table_schema, t.relname as table_name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid left join pg_namespace tn on tn.oid = t.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
     and n.nspname not in ('information_schema', 'pgmove')
  union all
  select 'type', n.nspname, t.typname, 't', null, null, null from pg_type t join pg_namespace n on n.oid = t.typnamespace
   where t.typtype in ('b', 'd', 'e', 'r', 'm') and t.typelem = 0 and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  union all
  select 'function', n.nspname, p.proname || '(' || oidvectortypes(p.proargtypes) || ')', 'F', null, null, null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')`

/**
 * Objects of the source that would get the same name on the target, and names that something else has there already; each with its
 * names. Tables, views, sequences, indexes, types and functions; only of what the map touches.
 */
export async function nameClashes({ source, target, spec, names, schema }: PrecheckContext): Promise<{ twice: string[]; taken: string[] }> {
  const rows = await source.query<Row>(OBJECTS)
  const relations = await readSourceRelations(source, spec)
  const selected = new Set(relations.flatMap((relation) => (relation.selected ? [relation.oid] : [])))
  const tables = new Set(relations.map(({ oid }) => oid))
  const made = rows
    .filter((row) =>
      row.relation !== null && tables.has(row.relation) ? selected.has(row.relation) : selectsSchema(spec, row.schema) === 'whole',
    )
    .map((row) => madeObject(row, names))
  const seen = new Map<string, MadeObject>()
  const twice: string[] = []
  for (const object of made) {
    for (const space of isType(object) ? (['relation', 'type'] as const) : [object.class]) {
      const key = `${space} ${qualified(object.schema, object.name)}`
      const other = seen.get(key)
      if (other && other.label !== object.label) {
        const labels = [other.label, object.label].sort().join(' and ')
        twice.push(`${labels}: ${qualified(object.schema, object.name)}`)
      } else seen.set(key, object)
    }
  }
  const taken = schema ? await takenNames(target, made) : []
  return { twice: [...new Set(twice)].sort(), taken: taken.sort() }
}

function madeObject(row: Row, names: NameMap): MadeObject {
  const isRelation = row.class === 'relation'
  const { schema, name } = isRelation ? names.relation(row) : { schema: names.schema(row.schema), name: row.name }
  const of = tableOf(row)
  const table = of && names.relation(of)
  return {
    class: row.class,
    label: `${KINDS[row.kind] ?? row.class} ${qualified(row.schema, row.name)}`,
    kind: row.kind,
    schema,
    name,
    table: table && qualified(table.schema, table.name),
  }
}

/** Names that the objects can't get, as something of another kind, or an index of another table, has them on the target. */
async function takenNames(target: Database, objects: readonly MadeObject[]): Promise<string[]> {
  const there = await target.query<Row>(OBJECTS)
  const byName = new Map(there.map((row) => [`${row.class} ${qualified(row.schema, row.name)}`, row]))
  return objects.flatMap((object) => {
    if (object.class !== 'relation') return []
    const name = qualified(object.schema, object.name)
    const found = byName.get(`relation ${name}`)
    if (!found) return isType(object) && byName.has(`type ${name}`) ? [`${object.label}: ${name} is a type on the target`] : []
    if (KINDS[found.kind] !== KINDS[object.kind]) return [`${object.label}: ${name} is a ${KINDS[found.kind] ?? 'relation'} on the target`]
    const table = tableOf(found)
    if ((table && qualified(table.schema, table.name)) === object.table) return []
    return [`${object.label}: ${name} is an index of another table on the target`]
  })
}

/** Tables and views have a type of the same name. */
function isType({ class: of, kind }: MadeObject): boolean {
  return of === 'relation' && 'rpvmfc'.includes(kind)
}

function tableOf({ table_schema: schema, table_name: name }: Row): RelationName | undefined {
  return schema === null || name === null ? undefined : { schema, name }
}
