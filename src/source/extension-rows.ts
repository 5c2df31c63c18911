import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'

/** A configuration table of an extension that holds rows of the user. */
export interface ExtensionTable {
  readonly extension: string
  /** Quoted. */
  readonly table: string
  /** Whether this role may not read it: then it may be empty. */
  readonly unreadable: boolean
}

/**
 * Tables that belong to extensions and hold rows that CREATE EXTENSION does not make: those that the extension names by
 * pg_extension_config_dump(), with its condition for what is not its own (https://www.postgresql.org/docs/current/extend-extensions.html).
 */
export async function readExtensionRows(source: Database): Promise<ExtensionTable[]> {
  const tables = await source.query<{ extension: string; schema: string; name: string; condition: string; readable: string }>(
    `select e.extname as extension, n.nspname as schema, c.relname as name, x.condition,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
       from pg_extension e, unnest(e.extconfig, e.extcondition) as x (relation, condition)
       join pg_class c on c.oid = x.relation join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') order by 1, 2, 3`,
  )
  const found: ExtensionTable[] = []
  for (const { extension, schema, name, condition, readable } of tables) {
    const table = qualified(schema, name)
    if (readable !== 't') found.push({ extension, table, unreadable: true })
    // The condition is SQL of the extension, run as pg_dump runs it.
    else if ((await source.query(`select from ${table} ${condition} limit 1`)).length > 0)
      found.push({ extension, table, unreadable: false })
  }
  return found
}
