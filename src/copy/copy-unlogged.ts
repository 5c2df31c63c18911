import type { Database } from '../postgres/connect.ts'
import type { SelectedTable } from '../source/selected-tables.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { copyTables } from './copy-tables.ts'
import type { CopyOptions } from './copy-tables.ts'

export interface CopyUnloggedArgs extends Pick<CopyOptions, 'onBegin' | 'onProgress' | 'gate'> {
  readonly source: Database
  /** Another session on the source: looks who waits for a table. */
  readonly sourceObserver: Database
  readonly target: Database
  readonly id: string
  /** The selected tables; only the unlogged ones among them are copied. */
  readonly tables: readonly SelectedTable[]
  readonly replicaRole: boolean
  readonly signal: AbortSignal
  readonly onDone?: (table: MigratedTable) => void
}

/**
 * Copies unlogged tables once more: their changes are not decoded (PostgreSQL documentation, "Restrictions" of logical
 * replication), so what was written since the first copy is not on the target. May be run again. Returns how many.
 */
export async function copyUnlogged(args: CopyUnloggedArgs): Promise<number> {
  const { target, id, tables } = args
  const unlogged = new Set(tables.filter((t) => t.kind === 'r' && t.persistence === 'u').map((t) => `${t.schema}\0${t.name}`))
  if (unlogged.size === 0) return 0
  for (const table of await readMigratedTables(target, id)) {
    if (table.leftOut !== undefined || !unlogged.has(`${table.sourceSchema}\0${table.sourceTable}`)) continue
    // Attempts begin anew: that this copy follows the first one is no sign of trouble.
    await target.query(
      `update pgmove.migrated_table set copied_at = null, snapshot = null, lsn = null, attempts = 0
       where id = $1 and source_schema = $2 and source_table = $3`,
      [id, table.sourceSchema, table.sourceTable],
    )
    await copyTables({ ...args, tables: [table], incremental: true })
    args.onDone?.(table)
  }
  return unlogged.size
}
