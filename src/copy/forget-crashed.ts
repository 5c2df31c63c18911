import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'

/**
 * What was copied into unlogged tables of the target is copied again: a crash of it has emptied them (PostgreSQL documentation, CREATE TABLE,
 * UNLOGGED), and after the connection was lost nobody knows whether there was one. Returns them by their names on the source.
 */
export async function forgetCrashed(target: Database, id: string): Promise<string[]> {
  const rows = await target.query<{ schema: string; table: string }>(
    `update pgmove.migrated_table m set copied_at = null, rows = 0, bytes = 0
      where id = $1 and copied_at is not null
        and exists (select from pg_class c where c.oid = to_regclass(format('%I.%I', m.target_schema, m.target_table)) and c.relpersistence = 'u')
      returning m.source_schema as schema, m.source_table as table`,
    [id],
  )
  return rows.map(({ schema, table }) => qualified(schema, table))
}
