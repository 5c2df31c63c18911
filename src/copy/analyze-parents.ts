import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'

const SINCE_ONLY = 180000

/**
 * Collects the statistics that the planner uses for partitioned tables and inheritance parents as a whole: autovacuum does not,
 * and while a table's own copy ends, the others below its parent may still be empty.
 */
export async function analyzeParents(target: Database, id: string, signal: AbortSignal): Promise<void> {
  // The partitions of a partitioned table are included, so its topmost one is enough, unless ANALYZE knows ONLY.
  const only = target.version >= SINCE_ONLY
  const rows = await target.query<{ schema: string; name: string }>(
    `with recursive above as (
       select i.inhparent as oid
         from pgmove.migrated_table m
         join pg_namespace n on n.nspname = m.target_schema
         join pg_class c on c.relnamespace = n.oid and c.relname = m.target_table
         join pg_inherits i on i.inhrelid = c.oid
        where m.id = $1 and m.left_out is null
       union
       select i.inhparent from above a join pg_inherits i on i.inhrelid = a.oid)
     select n.nspname as schema, c.relname as name
       from above a join pg_class c on c.oid = a.oid join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p')
        ${only ? '' : `and not (c.relkind = 'p' and exists (select from pg_inherits i where i.inhrelid = c.oid))`}
      order by 1, 2`,
    [id],
  )
  for (const { schema, name } of rows) {
    signal.throwIfAborted()
    await target.query(`analyze ${only ? 'only ' : ''}${qualified(schema, name)}`)
  }
}
