import type { Database } from '../postgres/connect.ts'
import { ident, literal, qualified } from '../postgres/quote.ts'
import { changeObject } from '../state/object-change.ts'

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
}

/**
 * Drops foreign keys that would stand in the way of a copy, and remembers how to put each back: those of other tables that
 * refer to the table, since TRUNCATE refuses to empty it (also in replica mode, and if the other table is empty); and without
 * replica role those of the table too, since other tables are copied at other times. Keys of a table to itself stay.
 */
export async function detachForeignKeys({ target, id, schema, table, replicaRole }: DetachArgs): Promise<void> {
  // A key of a partitioned table has a child for each partition; only the topmost can be dropped.
  const parent = target.version >= 110000 ? 'conparentid' : '0::oid'
  const keys = await target.query<ForeignKey>(
    `with recursive key as (
       select oid, ${parent} as parent from pg_constraint
        where contype = 'f' and conrelid <> confrelid and (confrelid = $1::regclass or (not $2::boolean and conrelid = $1::regclass))
       union
       select c.oid, ${parent.replace('conparentid', 'c.conparentid')} from key join pg_constraint c on c.oid = key.parent
     )
     select n.nspname as schema, r.relname as "table", c.conname as name, pg_get_constraintdef(c.oid) as definition,
            obj_description(c.oid, 'pg_constraint') as comment
       from key join pg_constraint c using (oid) join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
      where key.parent = 0 order by c.oid`,
    [qualified(schema, table), replicaRole ? 't' : 'f'],
  )
  for (const key of keys) {
    const on = qualified(key.schema, key.table)
    const comment = key.comment === null ? '' : `; comment on constraint ${ident(key.name)} on ${on} is ${literal(key.comment)}`
    const change = {
      kind: 'foreign_key',
      object: `${on}.${ident(key.name)}`,
      own: false,
      restore: `alter table ${on} add constraint ${ident(key.name)} ${key.definition}${comment}`,
    }
    await changeObject(target, id, change, `alter table ${on} drop constraint if exists ${ident(key.name)}`)
  }
}
