import type { Database } from '../postgres/connect.ts'
import { ident, identOf, qualified } from '../postgres/quote.ts'
import { planSwitchedOff } from '../schema/prepare-target-tables.ts'
import { standInFor, standInName } from '../schema/stand-in-foreign-key.ts'
import { changeObjectAgain, openRestoreRound } from '../state/object-change.ts'

export interface UndoRestoreOptions {
  readonly target: Database
  readonly id: string
  readonly signal: AbortSignal
}

/**
 * Undoes what `restoreObjects` has put back, so that replication can go on after a cutover that was given up: triggers, rules, row
 * security and identities are switched off again, and foreign keys give way again, to their stand-ins if they had any. Each with its record
 * in one transaction, so that it may be killed anywhere and run again. Owners must not have been given away yet.
 */
export async function undoRestore({ target, id, signal }: UndoRestoreOptions): Promise<void> {
  await openRestoreRound(target, id)
  for (const { kind, object, schema, table, name } of await readMadeByRestore(target, id)) {
    signal.throwIfAborted()
    await changeObjectAgain(target, id, { kind, object }, `drop ${kind} ${ident(name)} on ${qualified(schema, table)}`)
  }
  for (const change of await planSwitchedOff(target, id, { incremental: true, foreignKeys: false })) {
    signal.throwIfAborted()
    await changeObjectAgain(target, id, change, change.statement)
  }
  for (const key of await readKeysPutBack(target, id)) {
    signal.throwIfAborted()
    await changeObjectAgain(target, id, { kind: 'foreign_key', object: key.object }, giveWay(target, key))
  }
  // Made anew when rows of its table are looked for.
  await target.query(`delete from pgmove.object_change where id = $1 and kind = 'lookup_index' and restored_at is not null`, [id])
}

interface MadeByRestore extends Record<string, string | null> {
  kind: 'trigger' | 'rule'
  object: string
  schema: string
  table: string
  name: string
}

/** Triggers and rules that came on the source while changes were applied: to put them back is to make them. */
async function readMadeByRestore(target: Database, id: string): Promise<MadeByRestore[]> {
  return target.query<MadeByRestore>(
    `select o.kind, o.object, n.nspname as schema, c.relname as "table", x.name
       from pgmove.object_change o
       join (select 'trigger' as kind, tgrelid as relation, tgname as name from pg_trigger where not tgisinternal
             union all select 'rule', ev_class, rulename from pg_rewrite) x on x.kind = o.kind
       join pg_class c on c.oid = x.relation join pg_namespace n on n.oid = c.relnamespace
        and o.object = ${identOf('n.nspname')} || '.' || ${identOf('c.relname')} || ' ' || ${identOf('x.name')}
      where o.id = $1 and o.restored_at is not null and o.restore ~* '^\\s*create\\s'
      order by o.ordinal`,
    [id],
  )
}

interface KeyPutBack extends Record<string, string | null> {
  object: string
  schema: string
  table: string
  /** pg_class.relkind of the table. */
  kind: string
  name: string
  definition: string
  /** 't' if the source has the key too: then it has a stand-in while changes are applied without replica role. */
  on_source: string
  restore: string
}

/** Not those that gave way to a copy: they have been back since all tables agreed. */
async function readKeysPutBack(target: Database, id: string): Promise<KeyPutBack[]> {
  return target.query<KeyPutBack>(
    `select o.object, n.nspname as schema, c.relname as "table", c.relkind as kind, k.conname as name,
            pg_get_constraintdef(k.oid) as definition, o.restore,
            exists (select from pgmove.entry e
                     where e.id = o.id and e.kind = 'FK CONSTRAINT' and e.skipped is null and e.table_schema = n.nspname
                       and e.table_name = c.relname and e.name = c.relname || ' ' || k.conname) as on_source
       from pgmove.object_change o
       join pg_constraint k on k.contype = 'f' join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        and o.object = ${identOf('n.nspname')} || '.' || ${identOf('c.relname')} || ' ' || ${identOf('k.conname')}
      where o.id = $1 and o.kind = 'foreign_key' and o.tables is null and o.restored_at is not null
      order by o.ordinal`,
    [id],
  )
}

/** The statements that drop a key and, if it had a stand-in, add that. */
function giveWay(target: Database, { object, schema, table, kind, name, definition, on_source, restore }: KeyPutBack): string {
  const drop = `alter table ${qualified(schema, table)} drop constraint ${ident(name)}`
  if (on_source === 'f' || !restore.includes(ident(standInName(object)))) return drop
  const only = kind === 'p' ? '' : 'ONLY '
  const statement = `ALTER TABLE ${only}${qualified(schema, table)}\n    ADD CONSTRAINT ${ident(name)} ${definition};`
  return `${drop};\n${standInFor(target, { schema, name: table }, statement, { own: false }).add}`
}
