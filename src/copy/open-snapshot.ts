import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { literal, qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { readTableShape } from './table-columns.ts'
import type { TableShape } from './table-columns.ts'

/** A table of the source under lock and snapshot. */
export interface OpenedTable {
  readonly shape: TableShape
  /** S_t, L_t and the timeline of HANDOFF.md R3; only if changes are streamed. */
  readonly handoff?: { readonly snapshot: string; readonly lsn: string; readonly timeline: number }
}

/** How a copying transaction begins. */
export const BEGIN_SNAPSHOT = 'begin isolation level repeatable read read only'

/**
 * Locks the table and only then takes the transaction's snapshot (HANDOFF.md R3): a TRUNCATE or a rewrite that commits in between
 * would leave the table empty for the snapshot. With `snapshotName` it takes the snapshot that another session holds, which
 * has locked the table before.
 */
export async function openSnapshot(
  source: Database,
  table: MigratedTable,
  incremental: boolean,
  snapshotName?: string,
): Promise<OpenedTable> {
  const label = qualified(table.sourceSchema, table.sourceTable)
  if (snapshotName !== undefined) await useSnapshot(source, snapshotName)
  await source.query(`set local lock_timeout = '2s'`)
  await source.query(`lock table only ${label} in access share mode`).catch((error: unknown) => {
    throw sqlState(error) === '42P01' || sqlState(error) === '3F000' ? gone(label) : error
  })
  const handoff = incremental ? await readHandoff(source) : undefined
  const shape = await readTableShape(source, table.sourceSchema, table.sourceTable)
  if (shape?.kind !== 'r') throw gone(label)
  return handoff ? { shape, handoff } : { shape }
}

async function useSnapshot(source: Database, name: string): Promise<void> {
  await source.query(`set transaction snapshot ${literal(name)}`).catch((error: unknown) => {
    // The server's words for it differ by version: an invalid identifier, or one that does not exist.
    const text = 'On the source: the session that holds the snapshot of the copy is gone. All tables are copied again.'
    throw new MigrationError('ConnectionLost', text, { side: 'source', cause: error })
  })
}

/** The snapshot is taken when the statement begins, before its functions run: the insert position is the later one. */
async function readHandoff(source: Database): Promise<{ snapshot: string; lsn: string; timeline: number }> {
  const [row] = await source.query<{ snapshot: string; lsn: string; timeline: string }>(
    `select txid_current_snapshot() as snapshot, pg_current_wal_insert_lsn() as lsn,
            left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline`,
  )
  if (!row) throw new MigrationError('Internal', 'On the source: no snapshot could be read.', { side: 'source' })
  return { snapshot: row.snapshot, lsn: row.lsn, timeline: Number.parseInt(row.timeline, 16) }
}

function gone(label: string): MigrationError {
  return new MigrationError(
    'UnsupportedDdl',
    `On the source: table ${label} was dropped, renamed or replaced after the migration began. Its copy waits. Undo that, or cancel and start again without it.`,
    { side: 'source', table: label },
  )
}
