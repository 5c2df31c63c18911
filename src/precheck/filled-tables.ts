import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { TableName } from '../source/selected-tables.ts'
import { nameList } from './table-lists.ts'

const BATCH = 200

/** Those of the tables that exist and hold a row, quoted; a partitioned one if any of its partitions does. */
export async function filledTables(database: Database, tables: readonly TableName[], signal: AbortSignal): Promise<string[]> {
  // Most are empty files, and a file with pages may still hold no row that anybody sees.
  const candidates = await database.query<{ schema: string; name: string; kind: string }>(
    // OFFSET 0 keeps the size from being asked of other tables, which may be locked.
    `select schema, name, kind
       from (select x.schema, x.name, c.oid, c.relkind as kind
               from json_to_recordset($1::json) as x (schema text, name text)
               join pg_namespace n on n.nspname = x.schema join pg_class c on c.relnamespace = n.oid and c.relname = x.name
             offset 0) as t
      where kind in ('p', 'f') or kind = 'r' and pg_relation_size(oid) > 0
      order by 1, 2`,
    [nameList(tables)],
  )
  const filled: string[] = []
  for (let at = 0; at < candidates.length; at += BATCH) {
    signal.throwIfAborted()
    const batch = candidates.slice(at, at + BATCH)
    const parts = batch.map(
      ({ schema, name, kind }, i) => `(select ${i} as i from ${kind === 'r' ? 'only ' : ''}${qualified(schema, name)} limit 1)`,
    )
    const rows = await database.query<{ i: string }>(`${parts.join(' union all ')} order by i`)
    for (const { i } of rows) {
      const table = batch[Number(i)]
      if (table) filled.push(qualified(table.schema, table.name))
    }
  }
  return filled
}
