import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, identOf, qualified } from '../postgres/quote.ts'
import { restoreAccess } from '../roles/restore-access.ts'
import { readLeftOutRelations } from '../state/left-out-relations.ts'
import { note } from '../state/migration-record.ts'
import { pendingChanges, restoreObject, restoreRound } from '../state/object-change.ts'
import type { RecordedChange } from '../state/object-change.ts'

const FORCED = 'force_row_security'
const FOREIGN_KEY_VIOLATION = '23503'
/** How long a lock on the target is waited for, after a cancel, before the object is left as it is. */
const LOCK_TIMEOUT = '10s'

export interface RestoreTargetOptions {
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Puts everything that was switched off or weakened on the target back, in reverse order: triggers, rules, identities, row
 * security, foreign keys; then gives owners, grants and settings away. Each with its record in one transaction, so that it may be
 * killed anywhere and run again.
 */
export async function restoreTarget(options: RestoreTargetOptions): Promise<void> {
  await restoreObjects(options)
  await restoreAccess(options)
}

/** The first half of `restoreTarget`: the half that `undoRestore` can undo. */
export async function restoreObjects({ target, id, signal, onProgress }: RestoreTargetOptions): Promise<void> {
  const round = await restoreRound(target, id)
  const changes = await pendingChanges(target, id)
  if (!(await isGivenAway(target, id))) await putAllBack({ target, id, signal, onProgress }, round, changes)
}

/**
 * Whether an earlier attempt has come as far as the owners: what isn't the target role's any more can't be altered by it. A superuser
 * may give owners their objects before.
 */
async function isGivenAway(target: Database, id: string): Promise<boolean> {
  const [row] = await target.query<{ given: string }>(
    `select not rolsuper and exists (
              select from pgmove.access_change where id = $1 and kind = 'owner' and done_at is not null and left_reason is null) as given
       from pg_roles where rolname = current_user`,
    [id],
  )
  return row?.given === 't'
}

async function putAllBack(
  { target, id, signal, onProgress }: RestoreTargetOptions,
  round: string,
  changes: readonly RecordedChange[],
): Promise<void> {
  let done = 0
  const leftOut = [...(await readLeftOutRelations(target, id))].map((name) => qualified(...(name.split('\0') as [string, string])))
  const restore = async (some: readonly RecordedChange[]): Promise<void> => {
    for (const change of some) {
      signal.throwIfAborted()
      // Rows of tables that were left out may break keys: the migration is not held up by that, and it is told.
      if (change.kind === 'foreign_key' && leftOut.length > 0) await restoreKeyIfPossible(target, id, change, round, leftOut)
      else await restoreObject(target, id, change, round)
      onProgress?.(++done, changes.length)
    }
  }
  // Forced row security would hide rows from the checks of foreign keys: it comes last.
  await restore(changes.filter(({ kind }) => kind !== FORCED))
  await validateForeignKeys(target, id, leftOut, signal)
  await restore(changes.filter(({ kind }) => kind === FORCED))
}

async function restoreKeyIfPossible(
  target: Database,
  id: string,
  change: RecordedChange,
  round: string,
  leftOut: readonly string[],
): Promise<void> {
  const reason = await putBack(target, id, change, round)
  if (reason === undefined) return
  const text = `The foreign key was not created, since tables were left out (${listed(leftOut)}): ${reason} When that is mended: ${change.restore}`
  await note(target, id, 'warning', change.object, text)
}

function listed(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}

/**
 * Keys that are NOT VALID on the target, but not on the source, are validated: those that came back in the place of a stand-in, and those that an
 * earlier migration had put back over data that was half copied, whether this one had to detach them or not. A key of which the source is not
 * known may have been NOT VALID before: where rows break it, it stays so, with a note; so does any where tables were left out. The ledger
 * names a key as `"schema"."table" "name"`, or with a dot if it gave way to a copy, the archive's entry as the table's name, a blank and
 * the key's.
 */
async function validateForeignKeys(target: Database, id: string, leftOut: readonly string[], signal: AbortSignal): Promise<void> {
  // From 18 on a key that is NOT ENFORCED counts as not validated, and can't be.
  const enforced = target.version >= 180000 ? 'and k.conenforced' : ''
  const names = ['.', ' '].map(
    (between) => `${identOf('n.nspname')} || '.' || ${identOf('c.relname')} || '${between}' || ${identOf('k.conname')}`,
  )
  const keys = await target.query<{ schema: string; table: string; name: string; on_source: string }>(
    `select n.nspname as schema, c.relname as "table", k.conname as name, e.id is not null as on_source
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       left join pgmove.entry e on e.id = $1 and e.kind = 'FK CONSTRAINT' and e.table_schema = n.nspname and e.table_name = c.relname
        and e.name = c.relname || ' ' || k.conname
      where k.contype = 'f' and not k.convalidated ${enforced}
        and case when e.id is not null then e.definition !~ 'NOT VALID;?\\s*$'
            else exists (select from pgmove.object_change o where o.kind = 'foreign_key' and o.object in (${names.join(', ')})
                    and (o.id = $1 or o.restored_at is not null and o.restore !~* '\\mnot valid\\M'
                         and exists (select from pgmove.migrated_table m where m.id = $1 and m.target_schema = n.nspname and m.target_table = c.relname))) end
      order by 1, 2, 3`,
    [id],
  )
  for (const { schema, table, name, on_source } of keys) {
    signal.throwIfAborted()
    try {
      await target.query(`alter table ${qualified(schema, table)} validate constraint ${ident(name)}`)
    } catch (error) {
      if ((on_source === 't' && leftOut.length === 0) || sqlState(error) !== FOREIGN_KEY_VIOLATION) throw error
      await note(
        target,
        id,
        'warning',
        `${ident(name)} on ${qualified(schema, table)}`,
        leftOut.length > 0
          ? `The foreign key is NOT VALID: rows break it, since tables were left out (${listed(leftOut)}).`
          : 'The foreign key, which is not known to be valid on the source, is NOT VALID: rows break it.',
      )
    }
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
  await target.query(`set lock_timeout = '${LOCK_TIMEOUT}'`)
  for (const change of await pendingChanges(target, id)) {
    if (change.own === 't' && change.kind !== FORCED) {
      left.push({ object: change.object, statement: change.restore, reason: 'made by pgmove, and switched off' })
      continue
    }
    const reason = await putBack(target, id, change)
    if (reason !== undefined) left.push({ object: change.object, statement: change.restore, reason })
  }
  return left
}

/** Why it could not be put back; undefined if it was. */
async function putBack(target: Database, id: string, change: RecordedChange, round?: string): Promise<string | undefined> {
  let reason: string | undefined
  // Up to 17 a foreign key of a partitioned table can't be NOT VALID; as it was it may be refused for the rows that are there.
  for (const restore of new Set([withoutCheck(change), change.restore])) {
    try {
      await restoreObject(target, id, { ...change, restore }, round)
      return undefined
    } catch (error) {
      if (!(error instanceof MigrationError) || error.kind === 'ConnectionLost') throw error
      reason ??= error.message.slice(0, 200)
    }
  }
  return reason
}

/** A foreign key over data that is half copied can't be valid; NOT VALID it still guards what is written from now on. */
function withoutCheck({ kind, restore }: RecordedChange): string {
  if (kind !== 'foreign_key' || /\bnot valid\b/i.test(restore)) return restore
  const followers = restore.search(/;\s*(comment on constraint|security label) /i)
  const key = followers === -1 ? restore.trimEnd().replace(/;$/, '') : restore.slice(0, followers)
  return `${key} not valid${followers === -1 ? '' : restore.slice(followers)}`
}
