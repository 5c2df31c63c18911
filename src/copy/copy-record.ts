import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note } from '../state/migration-record.ts'
import { qualified } from '../postgres/quote.ts'
import type { Handoff } from './open-snapshot.ts'

/** What is known of a finished copy. */
export interface CopiedTable {
  readonly rows: string
  /** Of COPY's data, text or binary. */
  readonly bytes: string
  /** False if an earlier attempt had copied it already. */
  readonly now: boolean
}

/** Joined, not IN: as a semi-join, PostgreSQL may compare every row of the plan with every name. */
const NAMES = `json_to_recordset($2::json) as x (s text, t text)`
const OF_NAMES = `m.id = $1 and m.source_schema = x.s and m.source_table = x.t`

function keys(tables: readonly MigratedTable[]): string {
  return JSON.stringify(tables.map(({ sourceSchema: s, sourceTable: t }) => ({ s, t })))
}

function keyOf(schema: string | null, name: string | null): string {
  return `${schema}\0${name}`
}

/** Counts an attempt, where it stands even if the attempt is killed; a repeated one is noted with the reason. Returns the highest count. */
export async function beginAttempt(target: Database, id: string, tables: readonly MigratedTable[], why: string): Promise<number> {
  const rows = await target.query<{ s: string; t: string; attempts: string }>(
    `update pgmove.migrated_table m set attempts = m.attempts + 1 from ${NAMES} where ${OF_NAMES} and m.copied_at is null
     returning m.source_schema as s, m.source_table as t, m.attempts`,
    [id, keys(tables)],
  )
  for (const { s, t, attempts } of rows) {
    if (Number(attempts) > 1) await note(target, id, 'repeated', qualified(s, t), `Copied ${attempts} times: ${why}.`)
  }
  return Math.max(0, ...rows.map(({ attempts }) => Number(attempts)))
}

/**
 * Locks the tables' rows for the transaction: an older attempt has either recorded its copy or can't any more. In the order of
 * `tables`: what a table was copied with, undefined where it is still to be copied.
 */
export async function lockRecords(target: Database, id: string, tables: readonly MigratedTable[]): Promise<(CopiedTable | undefined)[]> {
  const rows = await target.query<{ s: string; t: string; rows: string; bytes: string; copied_at: string | null }>(
    `select m.source_schema as s, m.source_table as t, m.rows, m.bytes, m.copied_at from pgmove.migrated_table m, ${NAMES}
      where ${OF_NAMES} order by m.source_schema, m.source_table for update of m`,
    [id, keys(tables)],
  )
  const byTable = new Map(rows.map((row) => [keyOf(row.s, row.t), row]))
  return tables.map(({ sourceSchema, sourceTable }) => {
    const row = byTable.get(keyOf(sourceSchema, sourceTable))
    if (!row) throw new MigrationError('Internal', 'On the target: the table is not in the plan of the copy.', { side: 'target' })
    return row.copied_at === null ? undefined : { rows: row.rows, bytes: row.bytes, now: false }
  })
}

export interface CopyResult {
  readonly table: MigratedTable
  /** Of the source's table that was read. */
  readonly oid: string
  readonly rows: string
  readonly bytes: string
}

/** Records copies as final, with the snapshot that they stand for. In the transaction that makes them final (HANDOFF.md R3, G6). */
export async function recordCopies(
  target: Database,
  id: string,
  results: readonly CopyResult[],
  handoff: Handoff | undefined,
  systemIdentifier: string | null,
): Promise<void> {
  await target.query(
    `update pgmove.migrated_table m
        set snapshot = $3, lsn = $4, timeline = $5, system_identifier = $6, rows = x.rows, bytes = x.bytes, source_oid = x.oid, copied_at = clock_timestamp(), copy_again = null
       from json_to_recordset($2::json) as x (s text, t text, oid oid, rows bigint, bytes bigint)
      where m.id = $1 and m.source_schema = x.s and m.source_table = x.t`,
    [
      id,
      JSON.stringify(results.map(({ table, oid, rows, bytes }) => ({ s: table.sourceSchema, t: table.sourceTable, oid, rows, bytes }))),
      handoff?.snapshot ?? null,
      handoff?.lsn ?? null,
      handoff ? String(handoff.timeline) : null,
      handoff ? systemIdentifier : null,
    ],
  )
}
