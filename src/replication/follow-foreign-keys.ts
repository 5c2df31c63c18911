import type { RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { foreignKeyObject, standInName } from '../schema/stand-in-foreign-key.ts'

/** The name behind ADD CONSTRAINT and COMMENT ON CONSTRAINT, in a stored definition of one key. */
const NAMED = /\b(add constraint|comment on constraint)(\s+)("(?:[^"]|"")*"|[^\s"]+)/gi

/** Has a foreign key of a table of the target called otherwise, wherever it stands, is switched off or is still to be made. */
export async function renameForeignKey(target: Database, id: string, table: RelationName, from: string, to: string): Promise<void> {
  const label = qualified(table.schema, table.name)
  const [was, now] = [foreignKeyObject(table.schema, table.name, from), foreignKeyObject(table.schema, table.name, to)]
  const standing = await target.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = to_regclass($1) and contype = 'f' and conname in ($2, $3)`,
    [label, from, standInName(was)],
  )
  for (const { name } of standing)
    await target.query(`alter table ${label} rename constraint ${ident(name)} to ${ident(name === from ? to : standInName(now))}`)
  const renamed = (text: string): string =>
    text.replace(NAMED, (_, words: string, space: string) => `${words}${space}${ident(to)}`).replaceAll(standInName(was), standInName(now))
  const changes = await target.query<{ ordinal: string; restore: string; object: string }>(
    `select ordinal, restore, object from pgmove.object_change where id = $1 and kind = 'foreign_key' and object in ($2, $3) and restored_at is null`,
    [id, was, `${label}.${ident(from)}`],
  )
  for (const { ordinal, restore, object } of changes)
    await target.query('update pgmove.object_change set restore = $3, object = $4 where id = $1 and ordinal = $2', [
      id,
      ordinal,
      renamed(restore),
      object === was ? now : `${label}.${ident(to)}`,
    ])
  const entries = await target.query<{ dump_id: string; definition: string; kind: string }>(
    `select dump_id, definition, kind from pgmove.entry e
      where id = $1 and (kind = 'FK CONSTRAINT' or kind = 'COMMENT' and exists (
               select from pgmove.entry k where k.id = $1 and k.kind = 'FK CONSTRAINT' and e.dependencies = array[k.dump_id]
                  and k.table_schema = $2 and k.table_name = $3 and k.name = $4))
        and table_schema = $2 and table_name = $3 and (kind = 'COMMENT' or name = $4)`,
    [id, table.schema, table.name, `${table.name} ${from}`],
  )
  for (const { dump_id, definition, kind } of entries)
    await target.query(
      `update pgmove.entry set definition = $3, name = case when $4 = 'COMMENT' then name else $5 end where id = $1 and dump_id = $2`,
      [id, dump_id, renamed(definition), kind, `${table.name} ${to}`],
    )
}
