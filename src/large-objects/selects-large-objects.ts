import type { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { oidArray } from '../postgres/oid-array.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'

/**
 * Whether large objects go along. They belong to the database, to no schema, and what refers to them is an ordinary number: so all
 * of them go along, unless the spec chooses objects of which no column could hold their OIDs: none of type oid or of a domain over it
 * (such as the extension lo's).
 */
export async function selectsLargeObjects(
  source: Database,
  spec: Pick<MigrationSpec, 'objects' | 'exclude'>,
  names: NameMap,
): Promise<boolean> {
  if (spec.objects === null) return true
  const tables = new Map((await readSelectedTables(source, spec, names)).map((table) => [table.oid, table]))
  const columns = await source.query<{ table: string; name: string }>(
    `with recursive holding (type) as (
       select 'oid'::regtype::oid
       union
       select t.oid from holding h join pg_type t on t.typtype = 'd' and t.typbasetype = h.type
     )
     select attrelid as table, attname as name from pg_attribute
      where attrelid = any ($1::oid[]) and attnum > 0 and not attisdropped and atttypid in (select type from holding)`,
    [oidArray([...tables.keys()])],
  )
  return columns.some(({ table, name }) => {
    const selected = tables.get(table)
    return selected !== undefined && names.column(selected, name) !== undefined
  })
}

/** How many large objects the source has. */
export async function countLargeObjects(source: Database): Promise<number> {
  const [row] = await source.query<{ n: string }>('select count(*) as n from pg_largeobject_metadata')
  return Number(row?.n ?? 0)
}
