import { managedService, walLevelFix } from '../../diagnosis/managed-service.ts'
import { connect } from '../../postgres/connect.ts'
import { ident } from '../../postgres/quote.ts'
import { resolveConnection } from '../../postgres/resolve-connection.ts'
import { readSelectedTables } from '../../source/selected-tables.ts'
import { readWalLevel } from '../../source/wal-level.ts'
import type { ConnectionSpec } from '../../spec/migration-spec.ts'
import type { SourceFacts } from './proposed-spec.ts'

/**
 * Reads from the source's catalogue what a spec depends on, in a session that can't write.
 *
 * @throws MigrationError if it can't be connected to, or its role may not look
 */
export async function lookAtSource(connection: ConnectionSpec, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<SourceFacts> {
  const resolved = await resolveConnection(connection, 'source', env)
  const source = await connect(resolved, {
    side: 'source',
    applicationName: 'pgmove init',
    lockTimeoutMs: 2000,
    settings: { default_transaction_read_only: 'on' },
    signal,
  })
  try {
    const [row] = await source.query<{ database: string; version: string; superuser: string; standby: string }>(
      `select current_database() as database, current_setting('server_version') as version, pg_is_in_recovery() as standby,
              (select rolsuper from pg_roles where rolname = current_user) as superuser`,
    )
    const service = await managedService(source)
    const wal = await readWalLevel(source)
    const tables = await readSelectedTables(source, { objects: null, exclude: [] })
    return {
      database: row?.database ?? '',
      version: row?.version ?? '',
      service,
      superuser: row?.superuser === 't',
      standby: row?.standby === 't',
      walLevel: wal.level,
      walLevelFix: wal.pending ? 'Restart the source.' : walLevelFix(service),
      tables: tables
        .filter(({ kind }) => kind === 'r')
        .map(({ schema, name, bytes, estimatedRows, persistence, usableIdentity, columns }) => ({
          name: `${readable(schema)}.${readable(name)}`,
          bytes,
          rows: estimatedRows,
          streamed: persistence === 'p',
          usableIdentity,
          virtualColumn: columns.some(({ generated }) => generated === 'v'),
        })),
    }
  } finally {
    await source.close()
  }
}

/** Quoted only where SQL would need it, keywords aside. */
function readable(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : ident(name)
}
