import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'

/**
 * What a failed pg_dump means. It gives no SQLSTATE, and the server's part of its message is in the server's language; so a refused
 * lock is told from a missing right by asking the catalogue.
 */
export async function dumpFailure(database: Database, complaint: string): Promise<MigrationError> {
  const { side } = database
  const said = complaint.replaceAll(/\s+/g, ' ').trim()
  const text = `On the ${side}: pg_dump failed: ${said.slice(0, 400)}`
  if (/connection to server|server closed the connection|could not receive data|lost synchronization|SSL SYSCALL/.test(said)) {
    return new MigrationError('ConnectionLost', text, { side })
  }
  if (/LOCK TABLE/.test(said)) {
    const unreadable = await unreadableTables(database)
    if (unreadable.length === 0) return new MigrationError('LockTimeout', `On the ${side}: a table stayed locked for pg_dump.`, { side })
    return new MigrationError(
      'InsufficientPrivilege',
      `On the ${side}: pg_dump needs the right to read every table whose definition it takes, and may not read ${unreadable.join(', ')}. ` +
        'Nothing was changed; pgmove waits.',
      { side, hint: 'Grant SELECT on them and USAGE on their schemas, or exclude them, then send the signal resume.' },
    )
  }
  const kind = /permission denied|must be owner/.test(said) ? 'InsufficientPrivilege' : 'Internal'
  return new MigrationError(kind, text, { side })
}

async function unreadableTables(database: Database): Promise<string[]> {
  const rows = await database.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))
      order by 1, 2 limit 5`,
  )
  return rows.map(({ schema, name }) => qualified(schema, name))
}
