import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { recordChange } from './record-change.ts'
import { foreignKeyObject, STAND_IN_PREFIX, standInFor } from './stand-in-foreign-key.ts'
import { planRulesOff, planTriggersOff } from './switch-off-triggers.ts'
import type { PlannedChange } from './switch-off-triggers.ts'

export interface PrepareTargetTablesOptions {
  readonly target: Database
  readonly id: string
  /** Changes will be applied: identity columns must take the source's values in updates too. */
  readonly incremental: boolean
  /**
   * The target role may set session_replication_role. If not, foreign keys that are there already are dropped until the tables agree;
   * those that the source has too come back as stand-ins, the others at the end. Default true.
   */
  readonly replicaRole?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** From 17 on an identity column of a partitioned table is its partitions' too, and is changed at the root alone. */
const SINCE_PARTITION_IDENTITY = 170000
const SINCE_PARENT_CONSTRAINTS = 110000

/**
 * Switches off on the target what must not act while data moves, and remembers how to put it back: triggers, rules, FORCE ROW LEVEL
 * SECURITY, GENERATED ALWAYS AS IDENTITY, and foreign keys without replica role. Works on the tables of `pgmove.migrated_table` and
 * their roots, whoever made them; each change is a transaction of its own.
 */
export async function prepareTargetTables(options: PrepareTargetTablesOptions): Promise<void> {
  const { target, id, incremental, replicaRole = true, signal } = options
  const changes = await planSwitchedOff(target, id, { incremental, foreignKeys: !replicaRole })
  for (const { statement, ...change } of changes) {
    signal?.throwIfAborted()
    await target.transaction(async () => {
      await recordChange(target, id, change, statement)
      if (change.kind === 'foreign_key') await forgetForeignKey(target, id, change.object)
    })
  }
}

/** What is to be switched off on the migration's tables as they are now; identities if changes will be applied. */
export async function planSwitchedOff(
  target: Database,
  id: string,
  { incremental, foreignKeys }: { readonly incremental: boolean; readonly foreignKeys: boolean },
): Promise<PlannedChange[]> {
  const { oids, own } = await readTargetTables(target, id)
  const isOwn = (table: string) => own.has(table)
  return [
    ...(foreignKeys ? await planForeignKeysOff(target, oids) : []),
    ...(await planTriggersOff(target, oids, isOwn)),
    ...(await planRulesOff(target, oids, isOwn)),
    ...(await planRowSecurity(target, oids, isOwn)),
    ...(incremental ? await planIdentities(target, oids, isOwn) : []),
  ]
}

async function readTargetTables(target: Database, id: string): Promise<{ oids: string; own: ReadonlySet<string> }> {
  const rows = await target.query<{ oid: string; schema: string; name: string; own: string }>(
    `with recursive relation (oid) as (
       select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where (n.nspname, c.relname) in (
                select target_schema, target_table from pgmove.migrated_table where id = $1
                union all select schema, name from pgmove.entry where id = $1 and kind = 'TABLE')
       union
       select i.inhparent from relation r join pg_class c on c.oid = r.oid and c.relispartition join pg_inherits i on i.inhrelid = c.oid
     )
     select c.oid, n.nspname as schema, c.relname as name,
            exists (select from pgmove.entry e
                     where e.id = $1 and e.kind = 'TABLE' and e.schema = n.nspname and e.name = c.relname and e.skipped is null) as own
       from relation r join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace`,
    [id],
  )
  const own = rows.filter((row) => row.own === 't').map(({ schema, name }) => qualified(schema, name))
  return { oids: `{${rows.map(({ oid }) => oid).join(',')}}`, own: new Set(own) }
}

async function planRowSecurity(target: Database, tables: string, isOwn: (table: string) => boolean): Promise<PlannedChange[]> {
  const rows = await target.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any ($1::oid[]) and c.relforcerowsecurity order by 1, 2`,
    [tables],
  )
  return rows.map(({ schema, name }) => {
    const table = qualified(schema, name)
    return {
      kind: 'force_row_security',
      object: table,
      own: isOwn(table),
      restore: `alter table only ${table} force row level security`,
      statement: `alter table only ${table} no force row level security`,
    }
  })
}

/** COPY fills a column GENERATED ALWAYS, but no UPDATE can set it (measured on 10 to 18). */
async function planIdentities(target: Database, tables: string, isOwn: (table: string) => boolean): Promise<PlannedChange[]> {
  const inherited = target.version >= SINCE_PARTITION_IDENTITY ? 'and not c.relispartition' : ''
  const rows = await target.query<{ schema: string; name: string; column: string }>(
    `select n.nspname as schema, c.relname as name, a.attname as column
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any ($1::oid[]) and a.attidentity = 'a' and not a.attisdropped ${inherited}
      order by 1, 2, a.attnum`,
    [tables],
  )
  return rows.map(({ schema, name, column }) => {
    const table = qualified(schema, name)
    const alter = `alter table ${table} alter column ${ident(column)} set generated`
    return {
      kind: 'identity',
      object: `${table} ${ident(column)}`,
      own: isOwn(table),
      restore: `${alter} always`,
      statement: `${alter} by default`,
    }
  })
}

/** The foreign keys from these tables and to them; the keys of partitions come and go with their root's. */
async function planForeignKeysOff(target: Database, tables: string): Promise<PlannedChange[]> {
  const topmost = target.version >= SINCE_PARENT_CONSTRAINTS ? 'and k.conparentid = 0' : ''
  const rows = await target.query<{ schema: string; table: string; kind: string; name: string; definition: string }>(
    `select n.nspname as schema, c.relname as table, c.relkind as kind, k.conname as name, pg_get_constraintdef(k.oid) as definition
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      where k.contype = 'f' ${topmost} and (k.conrelid = any ($1::oid[]) or k.confrelid = any ($1::oid[]))
        and left(k.conname, ${STAND_IN_PREFIX.length}) <> '${STAND_IN_PREFIX}'
      order by 1, 2, k.conname`,
    [tables],
  )
  return rows.map(({ schema, table, kind, name, definition }) => {
    const only = kind === 'p' ? '' : 'ONLY '
    const statement = `ALTER TABLE ${only}${qualified(schema, table)}\n    ADD CONSTRAINT ${ident(name)} ${definition};`
    const { change } = standInFor(target, { schema, name: table }, statement, { own: false })
    return { ...change, statement: `alter table ${qualified(schema, table)} drop constraint ${ident(name)}` }
  })
}

/** The source's equal key counts as not yet restored again, so that `restoreConstraints` puts its stand-in there. */
async function forgetForeignKey(target: Database, id: string, object: string): Promise<void> {
  const entries = await target.query<{ dump_id: string; table_schema: string; table_name: string; name: string }>(
    `select dump_id, table_schema, table_name, name from pgmove.entry
      where id = $1 and kind = 'FK CONSTRAINT' and skipped = 'exists' and table_schema is not null and table_name is not null`,
    [id],
  )
  for (const { dump_id, table_schema, table_name, name } of entries) {
    // The tag is the table's name, a blank and the key's.
    if (foreignKeyObject(table_schema, table_name, name.slice(table_name.length + 1)) !== object) continue
    await target.query('update pgmove.entry set restored_at = null, skipped = null where id = $1 and dump_id = $2', [id, dump_id])
  }
}
