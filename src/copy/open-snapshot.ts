import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { readUnpublished } from '../source/publication.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { readTableShapes } from './table-columns.ts'
import type { TableShape } from './table-columns.ts'

/** S_t, L_t and the timeline of HANDOFF.md R3. */
export interface Handoff {
  readonly snapshot: string
  readonly lsn: string
  readonly timeline: number
}

/** Tables of the source under lock and one snapshot. */
export interface OpenedTables {
  /** In the order of the tables. */
  readonly shapes: readonly TableShape[]
  /** Only if changes are streamed. */
  readonly handoff?: Handoff
}

/** How a copying transaction begins. */
export const BEGIN_SNAPSHOT = 'begin isolation level repeatable read read only'

/**
 * Locks the tables and only then takes the transaction's snapshot (HANDOFF.md R3): a TRUNCATE or a rewrite that commits in between
 * would leave a table empty for the snapshot. To be called first in a transaction.
 */
export async function openSnapshot(source: Database, tables: readonly MigratedTable[], publication: string): Promise<OpenedTables> {
  const names = tables.map(({ sourceSchema, sourceTable }) => `only ${qualified(sourceSchema, sourceTable)}`)
  await source.query(`set local lock_timeout = '2s'; lock table ${names.join(', ')} in access share mode`).catch((error: unknown) => {
    throw isMissing(error) ? gone(tables) : error
  })
  const handoff = await readHandoff(source)
  const shapes = await readOpened(source, tables)
  const oids = shapes.map(({ oid }) => oid)
  const [unpublished] = await readUnpublished(source, publication, oids)
  if (unpublished !== undefined) throw replaced(tables[oids.indexOf(unpublished)])
  return { shapes, handoff }
}

/** The tables under locks and a snapshot that the session's transaction has already. */
export async function readOpened(source: Database, tables: readonly MigratedTable[]): Promise<TableShape[]> {
  const shapes = await readTableShapes(
    source,
    tables.map(({ sourceSchema, sourceTable }) => ({ schema: sourceSchema, name: sourceTable })),
  )
  return shapes.map((shape, at) => {
    if (shape?.kind === 'r') return shape
    throw gone(tables.slice(at, at + 1))
  })
}

/** The snapshot is taken when the statement begins, before its functions run: the insert position is the later one. */
async function readHandoff(source: Database): Promise<Handoff> {
  const [row] = await source.query<{ snapshot: string; lsn: string; timeline: string }>(
    `select txid_current_snapshot() as snapshot, pg_current_wal_insert_lsn() as lsn,
            left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline`,
  )
  if (!row) throw new MigrationError('Internal', 'On the source: no snapshot could be read.', { side: 'source' })
  return { snapshot: row.snapshot, lsn: row.lsn, timeline: Number.parseInt(row.timeline, 16) }
}

/** A table of the same name: it could be copied, but nothing of what is written to it comes through the stream. */
function replaced(table: MigratedTable | undefined): MigrationError {
  const name = table ? qualified(table.sourceSchema, table.sourceTable) : 'a table'
  return new MigrationError(
    'UnsupportedDdl',
    `On the source: table ${name} was dropped and made anew after the migration began, or taken out of its publication: its changes would be missing. Its copy waits. Answer with the signal resolve, or cancel and start again.`,
    { side: 'source', table: name, hint: '' },
  )
}

/** Whether the server knows no table, or no schema, of a name. */
export function isMissing(error: unknown): boolean {
  return sqlState(error) === '42P01' || sqlState(error) === '3F000'
}

/** The error for tables that are no longer on the source. Of several tables, any of them may be meant. */
export function gone(tables: readonly MigratedTable[]): MigrationError {
  const [first, ...others] = tables.map(({ sourceSchema, sourceTable }) => qualified(sourceSchema, sourceTable))
  const name = others.length === 0 ? (first ?? '') : `${first} or one of ${others.length} others`
  return new MigrationError(
    'UnsupportedDdl',
    `On the source: table ${name} was dropped, renamed or replaced after the migration began. Its copy waits. Undo that and send the signal resume, answer with the signal resolve, or cancel and start again.`,
    { side: 'source', hint: '', ...(others.length === 0 && first !== undefined ? { table: first } : {}) },
  )
}
