import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
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
 * would leave the table empty for the snapshot. To be called first in a transaction.
 */
export async function openSnapshot(source: Database, table: MigratedTable): Promise<OpenedTable> {
  const label = qualified(table.sourceSchema, table.sourceTable)
  await source.query(`set local lock_timeout = '2s'`)
  await source.query(`lock table only ${label} in access share mode`).catch((error: unknown) => {
    throw sqlState(error) === '42P01' || sqlState(error) === '3F000' ? gone(label) : error
  })
  const handoff = await readHandoff(source)
  return { ...(await readOpened(source, table)), handoff }
}

/** The table under a lock and a snapshot that the session's transaction has already. */
export async function readOpened(source: Database, table: MigratedTable): Promise<OpenedTable> {
  const shape = await readTableShape(source, table.sourceSchema, table.sourceTable)
  if (shape?.kind !== 'r') throw gone(qualified(table.sourceSchema, table.sourceTable))
  return { shape }
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
