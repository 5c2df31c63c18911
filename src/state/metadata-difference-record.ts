import type { Database } from '../postgres/connect.ts'
import type { MetadataDifference } from '../validate/metadata/metadata-difference.ts'

/** Forgets what an earlier comparison of the migration found. */
export async function clearMetadataDifferences(target: Database, id: string): Promise<void> {
  await target.query('delete from pgmove.metadata_difference where id = $1', [id])
}

/** Keeps differences of the migration for its operator. */
export async function recordMetadataDifferences(target: Database, id: string, differences: readonly MetadataDifference[]): Promise<void> {
  await target.query(
    `insert into pgmove.metadata_difference (id, kind, object, attribute, source, target)
     select $1, kind, object, attribute, source, target
       from json_to_recordset($2::json) as d (kind text, object text, attribute text, source text, target text)`,
    [id, JSON.stringify(differences)],
  )
}
