import type { Database } from '../postgres/connect.ts'
import { pendingChanges, restoreObject } from '../state/object-change.ts'
import type { RecordedChange } from '../state/object-change.ts'

/**
 * Puts everything that was switched off or weakened on the target back, in reverse order: triggers, rules, identities, row
 * security, foreign keys. Each with its record in one transaction, so that it may be killed anywhere and run again.
 */
export async function restoreTarget({
  target,
  id,
  signal,
  onProgress,
}: {
  target: Database
  id: string
  signal: AbortSignal
  onProgress?: (done: number, total: number) => void
}): Promise<void> {
  const changes = await pendingChanges(target, id)
  let done = 0
  for (const change of changes) {
    signal.throwIfAborted()
    await restoreObject(target, id, change)
    onProgress?.(++done, changes.length)
  }
  await validateForeignKeys(target, id, signal)
}

/** Stand-ins were replaced by keys that are NOT VALID; those that are valid on the source are validated now. */
async function validateForeignKeys(target: Database, id: string, signal: AbortSignal): Promise<void> {
  const keys = await target.query<{ statement: string }>(
    `select format('alter table %I.%I validate constraint %I', n.nspname, c.relname, k.conname) as statement
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and not k.convalidated
       and exists (select from pgmove.object_change o where o.id = $1 and o.kind = 'foreign_key' and o.object = format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname)) || '.' || quote_ident(k.conname) and o.restore !~ 'NOT VALID\\s*$')`,
    [id],
  )
  for (const { statement } of keys) {
    signal.throwIfAborted()
    await target.query(statement)
  }
}

/** What could not be put back, with the statement that does it. */
export interface LeftOnTarget {
  readonly object: string
  readonly statement: string
  readonly reason: string
}

/**
 * After a cancel or a failure: puts back what was changed on objects that pgmove did not create, foreign keys without checking
 * the rows that are there, and row security on its own tables. The rest stays as it is and is listed with its statement.
 */
export async function putTargetBack(target: Database, id: string): Promise<LeftOnTarget[]> {
  const left: LeftOnTarget[] = []
  for (const change of await pendingChanges(target, id)) {
    if (change.own === 't' && change.kind !== 'force_row_security') {
      left.push({ object: change.object, statement: change.restore, reason: 'made by pgmove, and switched off' })
      continue
    }
    try {
      await restoreObject(target, id, unchecked(change))
    } catch (error) {
      left.push({ object: change.object, statement: change.restore, reason: (error as Error).message.slice(0, 200) })
    }
  }
  return left
}

/** A foreign key over data that is half copied can't be valid; NOT VALID it still guards what is written from now on. */
function unchecked(change: RecordedChange): RecordedChange {
  if (change.kind !== 'foreign_key' || /not valid/i.test(change.restore)) return change
  const [first, ...rest] = change.restore.split(/;(?=\s*comment on constraint )/)
  return { ...change, restore: [`${first} not valid`, ...rest].join(';') }
}
