import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { asNotValid, parseForeignKey } from './foreign-key-definition.ts'
import { readLeftOutRelations } from '../state/left-out-relations.ts'
import { recordChange } from './record-change.ts'
import { restoreInBatches, restoreOneByOne, runDefinitions } from './restore-entries.ts'
import type { RestoreOptions } from './restore-entries.ts'
import { foreignKeyObject, mayStand, SINCE_NOT_VALID_ON_PARTITIONED, standInFor } from './stand-in-foreign-key.ts'
import { markRestored, readFollowers, readRemaining } from './stored-entry.ts'
import type { StoredEntry } from './stored-entry.ts'
import { planRulesOff, planTriggersOff } from './switch-off-triggers.ts'

export interface RestoreConstraintsOptions extends RestoreOptions {
  /** The target role may set session_replication_role: foreign keys don't act while changes are applied. */
  readonly replicaRole: boolean
  /** Changes will be applied: triggers and rules stay off until cutover, and so do foreign keys without replica role. */
  readonly incremental: boolean
  /** No table is filled: a foreign key is made in no time, so several share a transaction. Default false. */
  readonly empty?: boolean | undefined
}

/**
 * Creates what must not be there before all tables agree: foreign keys, triggers, rules, policies, and views that need a primary key.
 * What must not act while changes are applied is switched off, or stood in for, in the same transaction; how to put it right is in
 * `pgmove.object_change`. Returns how many entries it restored.
 */
export async function restoreConstraints(options: RestoreConstraintsOptions): Promise<number> {
  const { target, id, replicaRole, incremental, empty = false } = options
  const entries = await readRemaining(target, id, 'constraint')
  const leftOut = await readLeftOutRelations(target, id)
  if (!incremental && empty) return restoreInBatches(entries, options)
  return restoreOneByOne(entries, options, async (database, entry) => {
    if (entry.kind === 'FK CONSTRAINT' && entry.table && (await isEndLeftOut(database, entry, entry.table, leftOut))) {
      await postponeForeignKey(database, id, entry, entry.table)
      return
    }
    if (incremental && !replicaRole && entry.kind === 'FK CONSTRAINT' && entry.table) {
      await restoreForeignKey(database, id, entry, entry.table)
      return
    }
    if (incremental && entry.table && isCopyState(entry)) {
      await rememberCopyState(database, id, entry, entry.table)
      return
    }
    await runDefinitions(database, [entry])
    if (incremental && (entry.kind === 'TRIGGER' || entry.kind === 'RULE') && entry.table) await switchOff(database, id, entry, entry.table)
  })
}

async function switchOff(target: Database, id: string, { kind }: StoredEntry, table: { schema: string; name: string }): Promise<void> {
  const rows = await target.query<{ oid: string }>(
    'select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [table.schema, table.name],
  )
  const tables = `{${rows.map(({ oid }) => oid).join(',')}}`
  const plan = kind === 'TRIGGER' ? planTriggersOff : planRulesOff
  for (const { statement, ...change } of await plan(target, tables, () => true)) await recordChange(target, id, change, statement)
}

/** Of a partition's copy of a trigger pg_dump writes no more than the firing state, where it is another than the root's. */
function isCopyState({ kind, definition }: StoredEntry): boolean {
  return kind === 'TRIGGER' && /^\s*ALTER TABLE /.test(definition)
}

/**
 * The copy is off already, with its root's trigger. Switching that on reaches the copies too, so that the copy's own state comes after
 * it: what was changed first is restored last.
 */
async function rememberCopyState(
  target: Database,
  id: string,
  { name, definition }: StoredEntry,
  table: { readonly schema: string; readonly name: string },
): Promise<void> {
  await target.query(
    `insert into pgmove.object_change (id, ordinal, kind, object, own, restore)
     select $1, least(min(ordinal), 0) - 1, 'trigger', $2, true, $3 from pgmove.object_change where id = $1
     on conflict (id, kind, object) do nothing`,
    // The tag is the table's name, a blank and the trigger's.
    [id, `${qualified(table.schema, table.name)} ${ident(name.slice(table.name.length + 1))}`, definition.trim()],
  )
}

/** A left-out table stands still: a key from it or to it would hold up the changes of others, and its rows may break it. */
async function isEndLeftOut(
  target: Database,
  { definition }: StoredEntry,
  table: { schema: string; name: string },
  leftOut: ReadonlySet<string>,
): Promise<boolean> {
  if (leftOut.size === 0) return false
  if (leftOut.has(`${table.schema}\0${table.name}`)) return true
  const [referenced] = await target.query<{ schema: string; name: string }>(
    'select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)',
    [parseForeignKey(definition).referencedTable],
  )
  return referenced !== undefined && leftOut.has(`${referenced.schema}\0${referenced.name}`)
}

/** It is made with what else comes back at the end, NOT VALID where that can be. */
async function postponeForeignKey(
  target: Database,
  id: string,
  entry: StoredEntry,
  table: { schema: string; name: string },
): Promise<void> {
  const key = parseForeignKey(entry.definition)
  const notValid = !key.partitioned || target.version >= SINCE_NOT_VALID_ON_PARTITIONED
  const followers = await readFollowers(target, id, entry)
  const restore = [notValid ? asNotValid(entry.definition) : entry.definition, ...followers.map(({ definition }) => definition)].join('\n')
  const change = { kind: 'foreign_key', object: foreignKeyObject(table.schema, table.name, key.name), own: true, restore }
  await recordChange(target, id, change, '')
  if (followers.length > 0) await markRestored(target, id, followers)
}

async function restoreForeignKey(target: Database, id: string, entry: StoredEntry, table: { schema: string; name: string }): Promise<void> {
  if (mayStand(parseForeignKey(entry.definition))) return runDefinitions(target, [entry])
  const followers = await readFollowers(target, id, entry)
  const statements = followers.map(({ definition }) => definition)
  const { change, add } = standInFor(target, table, entry.definition, { own: true, followers: statements })
  await recordChange(target, id, change, add)
  if (followers.length > 0) await markRestored(target, id, followers)
}
