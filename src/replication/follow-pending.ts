import { NameMap } from '../mapping/name-map.ts'
import type { RelationName } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { foreignKeyObject, standInName } from '../schema/stand-in-foreign-key.ts'

/** A renamed column of a table of the target. */
export interface RenamedColumn {
  readonly table: RelationName
  /** All columns of the table before. */
  readonly columns: readonly string[]
  readonly from: string
  readonly to: string
}

/**
 * Has what is still to be made or put back on the target say a column's new name, in the caller's transaction: stored definitions, foreign keys
 * that are off until the cutover, identities.
 *
 * @throws UnrewritableError where a definition mentions the table and can't be rewritten exactly
 */
export async function renameInPending(target: Database, id: string, { table, columns, from, to }: RenamedColumn): Promise<void> {
  const label = qualified(table.schema, table.name)
  await target.query(
    `update pgmove.object_change set object = $3, restore = $4 where id = $1 and kind = 'identity' and object = $2 and restored_at is null`,
    [id, `${label} ${ident(from)}`, `${label} ${ident(to)}`, `alter table ${label} alter column ${ident(to)} set generated always`],
  )
  await loadParser()
  const renamed = columns.map((column) => [column, column === from ? to : column] as const)
  const map = new NameMap({ schemas: [], tables: [{ ...table, as: table.name, columns: renamed }] })
  const rewrite = (text: string): string => rewriteDefinition(text, map).definition
  const entries = await target.query<{ dump_id: string; definition: string }>(
    `select dump_id, definition from pgmove.entry where id = $1 and restored_at is null and position($2 in definition) > 0`,
    [id, from],
  )
  for (const { dump_id, definition } of entries) {
    await target.query('update pgmove.entry set definition = $3 where id = $1 and dump_id = $2', [id, dump_id, rewrite(definition)])
  }
  const keys = await target.query<{ ordinal: string; restore: string }>(
    `select ordinal, restore from pgmove.object_change
      where id = $1 and kind = 'foreign_key' and restored_at is null and position($2 in restore) > 0`,
    [id, from],
  )
  for (const { ordinal, restore } of keys) {
    await target.query('update pgmove.object_change set restore = $3 where id = $1 and ordinal = $2', [id, ordinal, rewrite(restore)])
  }
}

/** An identity column is GENERATED ALWAYS from the cutover on: until then it takes the source's values in updates too. */
export async function alwaysLater(target: Database, id: string, label: string, column: string): Promise<void> {
  await target.query(
    `insert into pgmove.object_change (id, kind, object, own, restore) values ($1, 'identity', $2, true, $3)
     on conflict (id, kind, object) do update set restored_at = null, restore = excluded.restore`,
    [id, `${label} ${ident(column)}`, `alter table ${label} alter column ${ident(column)} set generated always`],
  )
}

/** A dropped column is no longer to be put back as GENERATED ALWAYS. */
export async function dropIdentity(target: Database, id: string, { schema, name }: RelationName, column: string): Promise<void> {
  await forget(target, id, 'identity', [`${qualified(schema, name)} ${ident(column)}`])
}

/** Kinds of entries by the type of a dropped object, as pg_event_trigger_dropped_objects() names it. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'table constraint': ['FK CONSTRAINT', 'CONSTRAINT', 'CHECK CONSTRAINT'],
  trigger: ['TRIGGER'],
  rule: ['RULE'],
  policy: ['POLICY'],
}

/** Entries that come with another entry's object. */
const FOLLOWS = `kind in ('COMMENT', 'SECURITY LABEL')`

/** The dump ids of what is still to be made of a constraint, trigger, rule or policy of a table of the target. */
async function pendingEntries(target: Database, id: string, type: string, table: RelationName, name: string): Promise<string[]> {
  const rows = await target.query<{ dump_id: string }>(
    `select dump_id from pgmove.entry
      where id = $1 and restored_at is null and kind = any ($2::text[]) and table_schema = $3 and table_name = $4 and name in ($5, $6)`,
    [id, `{${(KINDS[type] ?? []).map((kind) => `"${kind}"`).join(',')}}`, table.schema, table.name, name, `${table.name} ${name}`],
  )
  return rows.map(({ dump_id }) => dump_id)
}

/**
 * Has a comment on a constraint, trigger, rule or policy come with it, if that is still to be made or put back.
 *
 * @param statement under the target's names
 * @returns whether it is
 */
export async function commentInPending(
  target: Database,
  id: string,
  { type, table, name }: { readonly type: string; readonly table: RelationName; readonly name: string },
  statement: string,
): Promise<boolean> {
  const label = qualified(table.schema, table.name)
  const changed = await target.execute(
    `update pgmove.object_change set restore = restore || '; ' || $4
      where id = $1 and object in ($2, $3) and kind = $5 and restored_at is null and (own or kind = 'foreign_key')`,
    [id, `${label} ${ident(name)}`, `${label}.${ident(name)}`, statement, type === 'table constraint' ? 'foreign_key' : type],
  )
  if (changed > 0) return true
  const entries = await pendingEntries(target, id, type, table, name)
  for (const entry of entries) {
    await target.query(
      `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'made anew on the source'
        where id = $1 and restored_at is null and kind = 'COMMENT' and dependencies = array[$2::int]`,
      [id, entry],
    )
    await target.query(
      `insert into pgmove.entry (id, ordinal, dump_id, stage, kind, schema, name, table_schema, table_name, definition, dependencies)
       select id, (select max(ordinal) + 1 from pgmove.entry where id = $1), (select max(dump_id) + 1 from pgmove.entry where id = $1), stage, 'COMMENT',
              schema, name, table_schema, table_name, $3, array[dump_id] from pgmove.entry where id = $1 and dump_id = $2::int`,
      [id, entry, statement],
    )
  }
  return entries.length > 0
}

/**
 * A foreign key, trigger, rule or policy that was dropped from a table on the source is dropped from the target's, whether it stands, is switched
 * off or is still to be made; of other constraints only what is still to be made is forgotten.
 */
export async function dropOfTable(target: Database, id: string, type: string, table: RelationName, name: string): Promise<void> {
  if (!KINDS[type]) return
  for (const entry of await pendingEntries(target, id, type, table, name))
    await target.query(
      `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'dropped on the source'
        where id = $1 and restored_at is null and (dump_id = $2::int or dependencies = array[$2::int] and ${FOLLOWS})`,
      [id, entry],
    )
  const label = qualified(table.schema, table.name)
  const [there] = await target.query(`select where to_regclass($1) is not null`, [label])
  if (type !== 'table constraint') {
    await forget(target, id, type, [`${label} ${ident(name)}`])
    if (there) await target.query(`drop ${type} if exists ${ident(name)} on ${label}`)
    return
  }
  const key = foreignKeyObject(table.schema, table.name, name)
  await forget(target, id, 'foreign_key', [key, `${label}.${ident(name)}`])
  const keys = await target.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = to_regclass($1) and contype = 'f' and conname in ($2, $3)`,
    [label, name, standInName(key)],
  )
  for (const found of keys) await target.query(`alter table ${label} drop constraint ${ident(found.name)}`)
}

async function forget(target: Database, id: string, kind: string, objects: readonly string[]): Promise<void> {
  for (const object of objects) {
    await target.query(
      `update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and kind = $2 and object = $3 and restored_at is null`,
      [id, kind, object],
    )
  }
}
