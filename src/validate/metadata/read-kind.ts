import type { Database, TextRow } from '../../postgres/connect.ts'
import type { CatalogueKind, Versions } from './catalogue-kind.ts'

/** An object of a catalogue. */
export interface CatalogueObject extends TextRow {
  class: string
  oid: string
  schema: string | null
  relation: string | null
  name: string | null
  signature: string | null
}

const CHUNK = 2000
const IDENTITY: ReadonlySet<string> = new Set(['class', 'oid', 'schema', 'relation', 'name', 'signature', 'role'])

/** The attributes of an object's row. */
export function attributesOf(row: CatalogueObject): string[] {
  return Object.keys(row).filter((name) => !IDENTITY.has(name))
}

/** All objects of a kind, a piece at a time, in one snapshot. */
export async function* readKind(database: Database, kind: CatalogueKind, versions: Versions): AsyncGenerator<CatalogueObject[]> {
  await database.query('begin isolation level repeatable read read only')
  try {
    // All rows will be fetched: else the planner takes what gives the first ones soon.
    await database.query('set local cursor_tuple_fraction = 1')
    await database.query(`declare pgmove_metadata no scroll cursor for ${kind.query(database.version, versions)}`)
    for (;;) {
      const rows = await database.query<CatalogueObject>(`fetch ${CHUNK} from pgmove_metadata`)
      if (rows.length > 0) yield rows
      if (rows.length < CHUNK) break
    }
  } finally {
    await database.query('rollback').catch(() => undefined)
  }
}
