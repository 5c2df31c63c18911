import { restoreInBatches, restoreOneByOne } from './restore-entries.ts'
import type { RestoreOptions } from './restore-entries.ts'
import { readRemaining } from './stored-entry.ts'
import type { StoredEntry } from './stored-entry.ts'

export interface RestoreIndexesOptions extends RestoreOptions {
  /** Only what belongs to this table and needs nothing unfinished of another. Default: all that remain, in order. */
  readonly table?: { readonly schema: string; readonly name: string } | undefined
  /** No table is filled: each index is made in no time, so several share a transaction. Default false. */
  readonly empty?: boolean | undefined
}

/** Builds indexes, primary keys, unique and exclusion constraints, and statistics objects; returns how many. */
export async function restoreIndexes({ table, empty = false, ...options }: RestoreIndexesOptions): Promise<number> {
  const { target, id } = options
  const entries = await readRemaining(target, id, 'index', table && [table])
  const ready = table ? await independentEntries(entries, options) : entries
  return empty ? restoreInBatches(ready, options) : restoreOneByOne(ready, options)
}

/** Without the entries that wait for another table's. */
export async function independentEntries(
  entries: readonly StoredEntry[],
  { target, id }: Pick<RestoreOptions, 'target' | 'id'>,
): Promise<StoredEntry[]> {
  const needed = [...new Set(entries.flatMap(({ dependencies }) => dependencies))]
  const rows = await target.query<{ dump_id: string }>(
    'select dump_id from pgmove.entry where id = $1 and dump_id = any ($2::int[]) and restored_at is null',
    [id, `{${needed.join(',')}}`],
  )
  const unfinished = new Set(rows.map((row) => Number(row.dump_id)))
  const ready: StoredEntry[] = []
  for (const entry of entries) {
    if (entry.dependencies.some((needs) => unfinished.has(needs))) continue
    ready.push(entry)
    unfinished.delete(entry.dumpId)
  }
  return ready
}
