import type { Database } from '../postgres/connect.ts'

/** The target's tables that are left out, and the partitioned tables that these belong to, as `schema\0table`. */
export async function readLeftOutRelations(target: Database, id: string): Promise<ReadonlySet<string>> {
  const rows = await target.query<{ schema: string; name: string }>(
    `with recursive relation (oid) as (
       select c.oid from pgmove.migrated_table m
         join pg_namespace n on n.nspname = m.target_schema join pg_class c on c.relnamespace = n.oid and c.relname = m.target_table
        where m.id = $1 and m.left_out is not null
       union
       select i.inhparent from relation r join pg_class c on c.oid = r.oid and c.relispartition join pg_inherits i on i.inhrelid = c.oid
     )
     select n.nspname as schema, c.relname as name from relation r join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace`,
    [id],
  )
  return new Set(rows.map(({ schema, name }) => `${schema}\0${name}`))
}
