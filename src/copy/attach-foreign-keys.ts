import type { Database } from '../postgres/connect.ts'
import { readLeftOutRelations } from '../state/left-out-relations.ts'
import { restoreObject } from '../state/object-change.ts'
import type { RecordedChange } from '../state/object-change.ts'

/**
 * Puts back the foreign keys that detachForeignKeys dropped for a copy, once all tables agree. Those from or to a left-out table wait for
 * the cutover. Each with its record in one transaction; may be killed anywhere and run again. Returns how many.
 */
export async function attachForeignKeys(target: Database, id: string): Promise<number> {
  const leftOut = await readLeftOutRelations(target, id)
  const changes = await target.query<RecordedChange & { tables: string }>(
    `select ordinal, kind, object, own, restore, tables from pgmove.object_change
      where id = $1 and kind = 'foreign_key' and tables is not null and restored_at is null order by ordinal desc`,
    [id],
  )
  let attached = 0
  for (const { tables, ...change } of changes) {
    const ends = JSON.parse(tables) as [string, string][]
    if (ends.some(([schema, table]) => leftOut.has(`${schema}\0${table}`))) continue
    await restoreObject(target, id, change)
    attached++
  }
  return attached
}
