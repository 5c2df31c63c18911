import type { RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, literal, qualified } from '../postgres/quote.ts'
import type { LoggedSwitch } from './logged-ddl.ts'

/** A trigger or rule of a table of the target, which is off until the cutover or still to be made. */
export interface Switch {
  readonly kind: 'trigger' | 'rule'
  readonly table: RelationName
  readonly name: string
}

/** pg_trigger.tgenabled and pg_rewrite.ev_enabled, as ALTER TABLE says them. */
const ENABLE: Readonly<Record<LoggedSwitch['enabled'], string>> = { O: 'enable', R: 'enable replica', A: 'enable always', D: 'disable' }
/** The statement that says so, behind the one that makes the trigger or rule; pg_dump writes it too. */
const FIRING = ';\\s*alter table [^;]* (enable|disable)( replica| always)? (trigger|rule) [^;]*;?\\s*$'

/** Has a trigger or rule called otherwise, wherever it stands or is remembered. What goes with it, its comment, is told by its new definition. */
export async function renameSwitch(target: Database, id: string, { kind, table, name }: Switch, to: string): Promise<void> {
  const label = qualified(table.schema, table.name)
  if ((await hasSwitch(target, { kind, table, name })) && !(await hasSwitch(target, { kind, table, name: to })))
    await target.query(`alter ${kind} ${ident(name)} on ${label} rename to ${ident(to)}`)
  await target.query(
    `update pgmove.object_change set object = $4,
            restore = case when right(restore, length($5)) = $5 then left(restore, -length($5)) || $6 else restore end
      where id = $1 and kind = $2 and object = $3 and restored_at is null`,
    [id, kind, `${label} ${ident(name)}`, `${label} ${ident(to)}`, ` ${kind} ${ident(name)}`, ` ${kind} ${ident(to)}`],
  )
  await target.query(
    `update pgmove.entry set name = case when name = $5 then $6 else table_name || ' ' || $6 end
      where id = $1 and kind = upper($2) and table_schema = $3 and table_name = $4 and name in ($5, table_name || ' ' || $5) and restored_at is null`,
    [id, kind, table.schema, table.name, name, to],
  )
}

/** Has what is still to be made of a trigger or rule made by another statement, its comment included. Returns false if nothing of it is. */
export async function redefineSwitch(target: Database, id: string, { kind, table, name }: Switch, statement: string): Promise<boolean> {
  const label = qualified(table.schema, table.name)
  const changed = await target.execute(
    `update pgmove.object_change set restore = $4 || coalesce(substring(restore from $5), '')
      where id = $1 and kind = $2 and object = $3 and restored_at is null and restore ~* '^\\s*create\\s'`,
    [id, kind, `${label} ${ident(name)}`, statement, `(?i)(${FIRING})`],
  )
  const entries = await target.query<{ dump_id: string }>(
    `update pgmove.entry set definition = $5 || coalesce(substring(definition from $6), '')
      where id = $1 and kind = upper($2) and table_schema = $3 and table_name = $4 and name in ($7, table_name || ' ' || $7) and restored_at is null
      returning dump_id`,
    [id, kind, table.schema, table.name, statement, `(?i)(${FIRING})`, name],
  )
  for (const { dump_id } of entries)
    await target.query(
      `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'made anew on the source'
        where id = $1 and restored_at is null and kind = 'COMMENT' and dependencies = array[$2::int]`,
      [id, dump_id],
    )
  return changed + entries.length > 0
}

/** From the cutover on it fires as `enabled` says: the target keeps it off until then. */
export async function setFiring(
  target: Database,
  id: string,
  { kind, table, name }: Switch,
  enabled: LoggedSwitch['enabled'],
): Promise<void> {
  const label = qualified(table.schema, table.name)
  const object = `${label} ${ident(name)}`
  const statement = `alter table ${label} ${ENABLE[enabled]} ${kind} ${ident(name)}`
  const suffix = enabled === 'O' ? '' : `; ${statement}`
  const without = (column: string): string => `regexp_replace(regexp_replace(${column}, ${literal(FIRING)}, '', 'i'), ';?\\s*$', '')`
  const made = await target.execute(
    `update pgmove.entry set definition = ${without('definition')} || $5
      where id = $1 and kind = upper($2) and table_schema = $3 and table_name = $4 and name in ($6, table_name || ' ' || $6) and restored_at is null`,
    [id, kind, table.schema, table.name, suffix, name],
  )
  const remade = await target.execute(
    `update pgmove.object_change set restore = ${without('restore')} || $4
      where id = $1 and kind = $2 and object = $3 and restored_at is null and restore ~* '^\\s*create\\s'`,
    [id, kind, object, suffix],
  )
  if (made + remade > 0 || !(await hasSwitch(target, { kind, table, name }))) return
  await target.query(`alter table ${label} disable ${kind} ${ident(name)}`)
  if (enabled === 'D') {
    await target.query(
      `update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and kind = $2 and object = $3 and restored_at is null`,
      [id, kind, object],
    )
    return
  }
  await target.query(
    `insert into pgmove.object_change as o (id, kind, object, own, restore)
     values ($1, $2, $3, exists (select from pgmove.entry where id = $1 and kind = 'TABLE' and schema = $5 and name = $6 and skipped is null), $4)
     on conflict (id, kind, object) do update set restore = excluded.restore, restored_at = null`,
    [id, kind, object, statement, table.schema, table.name],
  )
}

async function hasSwitch(target: Database, { kind, table, name }: Switch): Promise<boolean> {
  const from =
    kind === 'trigger'
      ? 'pg_trigger where tgrelid = to_regclass($1) and tgname = $2'
      : 'pg_rewrite where ev_class = to_regclass($1) and rulename = $2'
  return (await target.query(`select from ${from}`, [qualified(table.schema, table.name), name])).length > 0
}
