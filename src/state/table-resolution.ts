import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { note } from './migration-record.ts'

/** A table by its name on the source. */
export interface SourceName {
  readonly schema: string
  readonly table: string
}

/**
 * From the commit of the caller's transaction on the table counts as not copied: the copy that it had holds no longer, and nothing of it may be
 * applied before it is copied again (`copyAgain` of MigrationActivities), nor may the slot be told more (`behind-tables.ts`). Whoever marks a
 * table while applying therefore ends the stream with that target transaction. Takes a left-out table back. Marked twice is marked once, with the newer reason.
 *
 * @param table must be in `pgmove.migrated_table`
 * @param reason follows "Copied again:" in the report; no row values
 */
export async function markToCopyAgain(target: Database, id: string, table: SourceName, reason: string): Promise<void> {
  // Attempts are those of one copy.
  const marked = await target.execute(
    `update pgmove.migrated_table
        set copy_again = $4, left_out = null, left_out_lsn = null, snapshot = null, lsn = null, timeline = null, system_identifier = null,
            copied_at = null, attempts = 0, behind_lsn = null
      where id = $1 and source_schema = $2 and source_table = $3`,
    [id, table.schema, table.table, reason],
  )
  if (marked !== 1) throw unknown(table)
  const object = qualified(table.schema, table.table)
  await target.query(`delete from pgmove.note where id = $1 and kind = 'skipped' and object = $2`, [id, object])
  await note(target, id, 'repeated', object, `Copied again: ${reason}.`)
}

/**
 * From the commit of the caller's transaction on the table's changes are passed over. What the target has of it stays as it is. Left out
 * twice is left out from the first time.
 *
 * @param reason follows "Left out:" in the report; no row values
 * @returns the position on the source up to which the table has all changes
 */
export async function leaveOut(target: Database, id: string, table: SourceName, reason: string): Promise<string> {
  const [row] = await target.query<{ lsn: string; copied: string }>(
    `update pgmove.migrated_table m
        set left_out = coalesce(m.left_out, $4), left_out_lsn = coalesce(m.left_out_lsn, m.behind_lsn, greatest(p.commit_lsn, p.confirmed_lsn, m.lsn)), copy_again = null,
            behind_lsn = null
       from pgmove.progress p
      where m.id = $1 and p.id = $1 and m.source_schema = $2 and m.source_table = $3
      returning m.left_out_lsn as lsn, m.copied_at is not null as copied`,
    [id, table.schema, table.table, reason],
  )
  if (!row) throw unknown(table)
  const state = row.copied === 't' ? `It has the changes that were committed up to ${row.lsn}.` : 'Its copy is not complete.'
  await note(target, id, 'skipped', qualified(table.schema, table.table), `Left out: ${reason}. ${state}`)
  return row.lsn
}

function unknown({ schema, table }: SourceName): MigrationError {
  const name = qualified(schema, table)
  const text = `On the target: ${name} is not among the tables of this migration.`
  return new MigrationError('UnsupportedDdl', text, { side: 'target', table: name })
}
