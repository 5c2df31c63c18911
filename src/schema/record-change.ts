import type { Database } from '../postgres/connect.ts'
import type { ObjectChange } from '../state/object-change.ts'

/**
 * Makes a change in the caller's transaction and remembers how to undo it, unless it has been undone before: an attempt that was
 * held up must not switch something off again behind the end of the migration.
 */
export async function recordChange(target: Database, id: string, change: ObjectChange, statement: string): Promise<void> {
  await target.query(
    `insert into pgmove.object_change (id, kind, object, own, restore) values ($1, $2, $3, $4, $5) on conflict (id, kind, object) do nothing`,
    [id, change.kind, change.object, change.own ? 't' : 'f', change.restore],
  )
  const open = await target.query(
    'select from pgmove.object_change where id = $1 and kind = $2 and object = $3 and restored_at is null for update',
    [id, change.kind, change.object],
  )
  if (open.length > 0 && statement !== '') await target.query(statement)
}
