import type { Database } from '../postgres/connect.ts'

/** Something on the target that pgmove switched off or weakened until cutover. */
export interface ObjectChange {
  /** For example `trigger`, `rule`, `identity`, `force_row_security`, `foreign_key`. */
  readonly kind: string
  /** Quoted, qualified name of what was changed; unique within the kind. */
  readonly object: string
  /** True when pgmove created the object itself. */
  readonly own: boolean
  /** The statement that puts it back. */
  readonly restore: string
}

/**
 * Changes an object and remembers how to put it back, in one transaction. A change that is remembered already is made
 * again without touching the memory: the first record has the true state.
 */
export async function changeObject(target: Database, id: string, change: ObjectChange, statement: string): Promise<void> {
  await target.transaction(async () => {
    await target.query(
      `insert into pgmove.object_change (id, kind, object, own, restore) values ($1, $2, $3, $4, $5) on conflict (id, kind, object) do nothing`,
      [id, change.kind, change.object, change.own ? 't' : 'f', change.restore],
    )
    await target.query(statement)
  })
}

export interface RecordedChange extends Record<string, string | null> {
  ordinal: string
  kind: string
  object: string
  own: string
  restore: string
}

/** What is still changed, newest first, so that putting back runs in reverse order. */
export async function pendingChanges(target: Database, id: string): Promise<RecordedChange[]> {
  return target.query<RecordedChange>(
    `select ordinal, kind, object, own, restore from pgmove.object_change where id = $1 and restored_at is null order by ordinal desc`,
    [id],
  )
}

/** Puts one change back and forgets it, in one transaction. */
export async function restoreObject(target: Database, id: string, change: RecordedChange): Promise<void> {
  await target.transaction(async () => {
    await target.query(change.restore)
    await target.query(`update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and ordinal = $2`, [
      id,
      change.ordinal,
    ])
  })
}
