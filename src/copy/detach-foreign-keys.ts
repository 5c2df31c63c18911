import type { Database } from '../postgres/connect.ts'
import { ident, literal, qualified } from '../postgres/quote.ts'

export interface DetachArgs {
  readonly target: Database
  readonly id: string
  readonly schema: string
  readonly table: string
  /** With it no key is checked while rows are copied, and only TRUNCATE is refused to a table that others refer to. */
  readonly replicaRole: boolean
}

interface ForeignKey extends Record<string, string | null> {
  schema: string
  table: string
  name: string
  definition: string
  comment: string | null
  ref_schema: string
  ref_table: string
}

/**
 * Drops foreign keys that would stand in the way of a copy, and remembers how to put each back: those of other tables that
 * refer to the table, since TRUNCATE refuses to empty it (also in replica mode, and if the other table is empty); and without
 * replica role those of the table too, since other tables are copied at other times. Keys of a table to itself stay. May be run again.
 *
 * @returns the keys that it dropped: table and name, quoted, with a dot between
 */
export async function detachForeignKeys({ target, id, schema, table, replicaRole }: DetachArgs): Promise<string[]> {
  // A key of a partitioned table has a child for each partition; only the topmost can be dropped.
  const parent = target.version >= 110000 ? 'conparentid' : '0::oid'
  const keys = await target.query<ForeignKey>(
    `with recursive key as (
       select oid, ${parent} as parent from pg_constraint
        where contype = 'f' and conrelid <> confrelid and (confrelid = to_regclass($1) or (not $2::boolean and conrelid = to_regclass($1)))
       union
       select c.oid, ${parent.replace('conparentid', 'c.conparentid')} from key join pg_constraint c on c.oid = key.parent
     )
     select n.nspname as schema, r.relname as "table", c.conname as name, pg_get_constraintdef(c.oid) as definition,
            obj_description(c.oid, 'pg_constraint') as comment, fn.nspname as ref_schema, f.relname as ref_table
       from key join pg_constraint c using (oid) join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
       join pg_class f on f.oid = c.confrelid join pg_namespace fn on fn.oid = f.relnamespace
      where key.parent = 0 order by c.oid`,
    [qualified(schema, table), replicaRole ? 't' : 'f'],
  )
  for (const key of keys) {
    const on = qualified(key.schema, key.table)
    const comment = key.comment === null ? '' : `; comment on constraint ${ident(key.name)} on ${on} is ${literal(key.comment)}`
    const restore = `alter table ${on} add constraint ${ident(key.name)} ${key.definition}${comment}`
    const tables = [
      [key.schema, key.table],
      [key.ref_schema, key.ref_table],
    ]
    await target.transaction(async () => {
      // A key that came back after an earlier copy is another change; one that did not is recorded as it was at first.
      await target.query(
        `insert into pgmove.object_change as o (id, kind, object, own, restore, tables) values ($1, 'foreign_key', $2, false, $3, $4)
         on conflict (id, kind, object) do update set restore = excluded.restore, tables = excluded.tables, restored_at = null
          where o.restored_at is not null`,
        [id, `${on}.${ident(key.name)}`, restore, JSON.stringify(tables)],
      )
      await target.query(`alter table ${on} drop constraint if exists ${ident(key.name)}`)
    })
  }
  return keys.map((key) => `${qualified(key.schema, key.table)}.${ident(key.name)}`)
}
