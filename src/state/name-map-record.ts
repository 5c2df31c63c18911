import { NameMap } from '../mapping/name-map.ts'
import type { NameMapData } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'

/**
 * Stores how names are mapped, unless the migration has a map already: it never changes while a migration runs. Returns the one
 * that holds.
 */
export async function storeNameMap(target: Database, id: string, map: NameMap): Promise<NameMap> {
  await target.query('update pgmove.migration set name_map = $2::json where id = $1 and name_map is null', [id, JSON.stringify(map.data)])
  return readNameMap(target, id)
}

/** The migration's map of names; one that changes nothing as long as none is stored. To be read once in an activity. */
export async function readNameMap(target: Database, id: string): Promise<NameMap> {
  return (await findNameMap(target, id)) ?? new NameMap()
}

/** The migration's map of names, if it is stored. */
export async function findNameMap(target: Database, id: string): Promise<NameMap | undefined> {
  const [row] = await target.query<{ name_map: string | null }>('select name_map from pgmove.migration where id = $1', [id])
  return row?.name_map === undefined || row.name_map === null ? undefined : new NameMap(JSON.parse(row.name_map) as NameMapData)
}
