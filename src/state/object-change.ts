import { MigrationError } from '../errors/migration-error.ts'
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

/** Which cutover puts back; `openRestoreRound` begins the next one. */
export async function restoreRound(target: Database, id: string): Promise<string> {
  const [row] = await target.query<{ restore_round: string }>('select restore_round from pgmove.migration where id = $1', [id])
  return row?.restore_round ?? ''
}

/** From now on nothing is put back by attempts that began before, which may have lost touch with Temporal. Waits for one that does so now. */
export async function openRestoreRound(target: Database, id: string): Promise<void> {
  await target.query('update pgmove.migration set restore_round = restore_round + 1 where id = $1', [id])
}

/**
 * Puts one change back and forgets it, in one transaction.
 *
 * @param round as `restoreRound` told it when the attempt began; default: whatever it is
 * @throws MigrationError `Internal` if another round has begun
 */
export async function restoreObject(target: Database, id: string, change: RecordedChange, round?: string): Promise<void> {
  await target.transaction(async () => {
    if (round !== undefined) await holdRound(target, id, round)
    await target.query(change.restore)
    await target.query(`update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and ordinal = $2`, [
      id,
      change.ordinal,
    ])
  })
}

async function holdRound(target: Database, id: string, round: string): Promise<void> {
  const rows = await target.query('select from pgmove.migration where id = $1 and restore_round = $2::int for share', [id, round])
  if (rows.length > 0) return
  const text = 'On the target: the cutover went back meanwhile; this attempt stopped putting objects back. There is nothing to do.'
  throw new MigrationError('Internal', text, { side: 'target' })
}

/**
 * Makes a change again that was put back, and remembers it as before, in one transaction. One that is not recorded as put back stays as it is.
 *
 * @param statement makes the change; empty: the memory alone
 */
export async function changeObjectAgain(
  target: Database,
  id: string,
  { kind, object }: Pick<ObjectChange, 'kind' | 'object'>,
  statement: string,
): Promise<void> {
  await target.transaction(async () => {
    const undone = await target.query(
      `update pgmove.object_change set restored_at = null
        where id = $1 and kind = $2 and object = $3 and restored_at is not null returning ordinal`,
      [id, kind, object],
    )
    if (undone.length > 0 && statement !== '') await target.query(statement)
  })
}
