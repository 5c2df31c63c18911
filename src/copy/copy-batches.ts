import type { MigratedTable } from '../state/migrated-table.ts'

const MOST_TABLES = 100
const MOST_BYTES = 8n * 1024n * 1024n

/**
 * Splits the tables of a work group into what is copied in one transaction under one snapshot: small ones together, since most of
 * their time are round trips; big ones alone, so that no lock is held longer than a table's copy takes. In the order given.
 */
export function copyBatches<T extends Pick<MigratedTable, 'estimatedBytes'>>(tables: readonly T[]): T[][] {
  const batches: T[][] = []
  let open: T[] | undefined
  let bytes = 0n
  for (const table of tables) {
    const own = BigInt(table.estimatedBytes)
    if (!open || open.length >= MOST_TABLES || bytes + own > MOST_BYTES) {
      open = []
      bytes = 0n
      batches.push(open)
    }
    open.push(table)
    bytes += own
  }
  return batches
}
