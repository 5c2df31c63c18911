import type { Database } from '../postgres/connect.ts'
import type { SourceName } from './table-resolution.ts'

/**
 * Writes down from where on a table's changes are to be applied once it is copied again: from where the stream is now. To be called in the
 * target's transaction that records the copy, after it has locked the table's row, so that copy and position hold together or not at all, and
 * before `waitForWriters`: what was committed below is then visible to the copy's snapshot.
 */
export async function recordBehind(target: Database, id: string, { schema, table }: SourceName): Promise<void> {
  await target.query(
    `update pgmove.migrated_table m set behind_lsn = p.confirmed_lsn from pgmove.progress p
      where m.id = $1 and p.id = $1 and m.source_schema = $2 and m.source_table = $3 and m.copied_at is null`,
    [id, schema, table],
  )
}

/** The positions of the tables that are behind the others, under `schema\0table` as on the source. */
export async function readBehind(target: Database, id: string): Promise<Map<string, string>> {
  const rows = await target.query<{ schema: string; table: string; lsn: string }>(
    `select source_schema as schema, source_table as "table", behind_lsn as lsn from pgmove.migrated_table where id = $1 and behind_lsn is not null`,
    [id],
  )
  return new Map(rows.map(({ schema, table, lsn }) => [`${schema}\0${table}`, lsn]))
}
