import type { Database } from '../postgres/connect.ts'

/** A selected table that holds rows, with its name on the target. */
export interface MigratedTable {
  readonly sourceSchema: string
  readonly sourceTable: string
  readonly targetSchema: string
  readonly targetTable: string
  /** Of the source's table: the name alone may be another table's later. */
  readonly sourceOid?: string
  /** The chosen columns by their source names, with the target's; absent: all, under their own names. */
  readonly columns?: ReadonlyMap<string, string>
  /** Work group of the copy plan: one activity copies one group. */
  readonly group: number
  readonly estimatedRows: string
  readonly estimatedBytes: string
  /** Rows and bytes copied; final once `copied` is there. */
  readonly rows: string
  readonly bytes: string
  readonly attempts: number
  /** What the handoff rule needs (HANDOFF.md R3): there once the table's copy is final, and only if changes are streamed. */
  readonly copied?: { readonly snapshot: string; readonly lsn: string }
  readonly copiedAt?: string
  readonly indexedAt?: string
  /** Why it is to be copied again (markToCopyAgain). */
  readonly copyAgain?: string
  /** Of a table that was copied again while the others went on: what was committed below is in its copy or applied (TableBinder). */
  readonly behindLsn?: string
  /** Why its changes are no longer applied, and up to which position it has them (leaveOut). */
  readonly leftOut?: { readonly reason: string; readonly lsn: string }
}

/** Whether the copy of the tables has it still before it: what an operator left out, or marked to be copied again, it passes over. */
export function awaitsCopy({ copiedAt, copyAgain, leftOut }: MigratedTable): boolean {
  return copiedAt === undefined && copyAgain === undefined && leftOut === undefined
}

interface Row extends Record<string, string | null> {
  source_schema: string
  source_table: string
  source_oid: string | null
  target_schema: string
  target_table: string
  columns: string | null
  work_group: string
  estimated_rows: string
  estimated_bytes: string
  rows: string
  bytes: string
  attempts: string
  snapshot: string | null
  lsn: string | null
  copied_at: string | null
  indexed_at: string | null
  copy_again: string | null
  behind_lsn: string | null
  left_out: string | null
  left_out_lsn: string | null
}

/** All selected tables of a migration, or those of one work group, biggest first. */
export async function readMigratedTables(target: Database, id: string, group?: number): Promise<MigratedTable[]> {
  const rows = await target.query<Row>(
    `select * from pgmove.migrated_table where id = $1 and ($2::int is null or work_group = $2::int)
     order by estimated_bytes desc, source_schema, source_table`,
    [id, group === undefined ? null : String(group)],
  )
  return rows.map((r) => ({
    sourceSchema: r.source_schema,
    sourceTable: r.source_table,
    targetSchema: r.target_schema,
    targetTable: r.target_table,
    ...(r.source_oid !== null ? { sourceOid: r.source_oid } : {}),
    ...(r.columns !== null ? { columns: new Map(JSON.parse(r.columns) as [string, string][]) } : {}),
    group: Number(r.work_group),
    estimatedRows: r.estimated_rows,
    estimatedBytes: r.estimated_bytes,
    rows: r.rows,
    bytes: r.bytes,
    attempts: Number(r.attempts),
    ...(r.snapshot !== null && r.lsn !== null ? { copied: { snapshot: r.snapshot, lsn: r.lsn } } : {}),
    ...(r.copied_at !== null ? { copiedAt: r.copied_at } : {}),
    ...(r.indexed_at !== null ? { indexedAt: r.indexed_at } : {}),
    ...(r.copy_again !== null ? { copyAgain: r.copy_again } : {}),
    ...(r.behind_lsn !== null ? { behindLsn: r.behind_lsn } : {}),
    ...(r.left_out !== null ? { leftOut: { reason: r.left_out, lsn: r.left_out_lsn ?? '0/0' } } : {}),
  }))
}

/** How far the stream must be applied so that all copied tables agree; null without copies. */
export async function readCatchUpPosition(target: Database, id: string): Promise<string | null> {
  // Not max(lsn): that aggregate came with 13.
  const [row] = await target.query<{ lsn: string }>(
    'select lsn from pgmove.migrated_table where id = $1 and lsn is not null order by lsn desc limit 1',
    [id],
  )
  return row?.lsn ?? null
}

/** The tables' own indexes stand. Committed to disk: what was committed asynchronously before is safe with it. */
export async function markIndexed(
  target: Database,
  id: string,
  tables: readonly Pick<MigratedTable, 'sourceSchema' | 'sourceTable'>[],
): Promise<void> {
  await target.query(
    `update pgmove.migrated_table m set indexed_at = clock_timestamp()
       from json_to_recordset($2::json) as x (s text, t text)
      where m.id = $1 and m.source_schema = x.s and m.source_table = x.t and m.indexed_at is null`,
    [id, JSON.stringify(tables.map(({ sourceSchema: s, sourceTable: t }) => ({ s, t })))],
  )
}
