import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { ChunkRange } from './chunk-ranges.ts'

const OF_TABLE = 'id = $1 and source_schema = $2 and source_table = $3'

function key(id: string, { sourceSchema, sourceTable }: MigratedTable): string[] {
  return [id, sourceSchema, sourceTable]
}

/** Writes down the chunks of an attempt, in place of an earlier one's. */
export async function writeChunks(target: Database, id: string, table: MigratedTable, attempt: number, ranges: readonly ChunkRange[]) {
  await target.query(`delete from pgmove.copy_chunk where ${OF_TABLE}`, key(id, table))
  await target.query(
    `insert into pgmove.copy_chunk (id, source_schema, source_table, attempt, chunk, range)
     select $1, $2, $3, $4, ordinality, range from json_array_elements_text($5::json) with ordinality as x (range, ordinality)`,
    [...key(id, table), String(attempt), JSON.stringify(ranges.map(({ label }) => label))],
  )
}

/**
 * Makes sure that no newer attempt has begun, and that none begins before the transaction's end: that one would empty the table.
 *
 * @throws MigrationError `Fenced`
 */
export async function fenceAttempt(target: Database, id: string, table: MigratedTable, attempt: number): Promise<void> {
  const [row] = await target.query<{ attempts: string; copied_at: string | null }>(
    `select attempts, copied_at from pgmove.migrated_table where ${OF_TABLE} for share`,
    key(id, table),
  )
  if (row && Number(row.attempts) === attempt && row.copied_at === null) return
  throw new MigrationError('Fenced', 'On the target: another attempt to copy the table has taken over.', { side: 'target' })
}

/**
 * Locks a chunk for the transaction and tells whether it is in already: a session that was lost may have committed it all the same.
 * Numbered from 1.
 */
export async function lockChunk(target: Database, id: string, table: MigratedTable, chunk: number): Promise<boolean> {
  const [row] = await target.query<{ copied_at: string | null }>(
    `select copied_at from pgmove.copy_chunk where ${OF_TABLE} and chunk = $4 for update`,
    [...key(id, table), String(chunk)],
  )
  return row?.copied_at !== null
}

/** A chunk is in; in the transaction of its rows. */
export async function markChunk(target: Database, id: string, table: MigratedTable, chunk: number, rows: number, bytes: number) {
  await target.query(`update pgmove.copy_chunk set rows = $5, bytes = $6, copied_at = clock_timestamp() where ${OF_TABLE} and chunk = $4`, [
    ...key(id, table),
    String(chunk),
    String(rows),
    String(bytes),
  ])
}

/** The sums over an attempt's chunks. Throws unless every one of them is in. */
export async function sumChunks(
  target: Database,
  id: string,
  table: MigratedTable,
  attempt: number,
  count: number,
): Promise<{ rows: string; bytes: string }> {
  const [row] = await target.query<{ done: string; rows: string; bytes: string }>(
    `select count(copied_at) as done, coalesce(sum(rows), 0)::bigint as rows, coalesce(sum(bytes), 0)::bigint as bytes
       from pgmove.copy_chunk where ${OF_TABLE} and attempt = $4`,
    [...key(id, table), String(attempt)],
  )
  if (row && Number(row.done) === count) return { rows: row.rows, bytes: row.bytes }
  const text = `On the target: of ${count} chunks of the table ${row?.done ?? 0} are recorded. The table is copied again.`
  throw new MigrationError('Fenced', text, { side: 'target' })
}
