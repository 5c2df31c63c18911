import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { findNameMap, storeNameMap } from '../state/name-map-record.ts'
import { nameMapOf } from './name-map-of.ts'
import type { MappableRelation } from './name-map-of.ts'
import type { NameMap } from './name-map.ts'

interface Row extends Record<string, string | null> {
  schema: string
  name: string
  partition: string
  columns: string
  parents: string
}

/** Every table, view, materialized view and foreign table of the source's user schemas. */
export async function readMappableRelations(source: Database): Promise<MappableRelation[]> {
  const rows = await source.query<Row>(
    `select n.nspname as schema, c.relname as name, c.relispartition as partition,
            array_to_json(array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                                 order by a.attnum)) as columns,
            array_to_json(array(select json_build_object('schema', pn.nspname, 'name', p.relname)
                                  from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
                                 where i.inhrelid = c.oid order by i.inhseqno)) as parents
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
      order by 1, 2`,
  )
  return rows.map(({ schema, name, partition, columns, parents }) => ({
    schema,
    name,
    partition: partition === 't',
    columns: JSON.parse(columns) as string[],
    parents: JSON.parse(parents) as MappableRelation['parents'],
  }))
}

/** The map that the spec means on the source as it is now. Without mapped names the catalogue is not read. */
export async function readSourceNameMap(source: Database, spec: Pick<MigrationSpec, 'objects'>): Promise<NameMap> {
  const maps = (spec.objects ?? []).some(({ as, columns }) => as !== undefined || columns !== undefined)
  return nameMapOf(spec, maps ? await readMappableRelations(source) : [])
}

/**
 * The migration's map of names: stored by the first activity that asks for it, and the same from then on. Needs the migration's
 * record.
 */
export async function establishNameMap(
  source: Database,
  target: Database,
  id: string,
  spec: Pick<MigrationSpec, 'objects'>,
): Promise<NameMap> {
  return (await findNameMap(target, id)) ?? storeNameMap(target, id, await readSourceNameMap(source, spec))
}
