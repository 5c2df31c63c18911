import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { connect } from '../postgres/connect.ts'
import type { ConnectOptions, Database } from '../postgres/connect.ts'
import { resolveConnection } from '../postgres/resolve-connection.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { ident } from '../postgres/quote.ts'
import { TlsFileError } from '../postgres/tls-files.ts'
import { readReplicationRight } from '../source/replication-right.ts'
import type { ConnectionSpec } from '../spec/migration-spec.ts'
import type { ConnectionDiagnosis } from '../workflows/connection-activities.ts'
import { Diagnosis } from './diagnosis.ts'
import { managedService } from './managed-service.ts'
import { reachHosts } from './reach-hosts.ts'
import { refusedReplication, refusedSession } from './refused-session.ts'
import { tellMiddlemen, tellReplication, tellRole, tellServer, tellTimes, tellTls } from './session-steps.ts'

export interface DiagnoseArgs {
  readonly side: Side
  readonly connection: ConnectionSpec
  /** Where references are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/**
 * Tries a connection step by step, as a migration of all types would use it: reference, name resolution, TCP, TLS, authentication,
 * database, version, role, replication, what stands between, clock and round trip. Changes nothing. Never fails but by its signal.
 */
export async function diagnoseConnection({ side, connection, env, signal }: DiagnoseArgs): Promise<ConnectionDiagnosis> {
  const diagnosis = new Diagnosis()
  const resolved = await resolve(diagnosis, connection, side, env)
  if (!resolved || !(await reachHosts(diagnosis, resolved, signal))) return diagnosis.result
  const open = (options: Partial<ConnectOptions> = {}): Promise<Database> =>
    connect(resolved, { side, applicationName: 'pgmove connection test', signal, ...options })
  let database: Database | undefined
  try {
    database = await open()
    await session(diagnosis, database, resolved, open)
  } catch (error) {
    signal.throwIfAborted()
    refusedSession(diagnosis, error, side, resolved)
  } finally {
    await database?.close()
  }
  return diagnosis.result
}

async function resolve(
  diagnosis: Diagnosis,
  connection: ConnectionSpec,
  side: Side,
  env: DiagnoseArgs['env'],
): Promise<ResolvedConnection | undefined> {
  try {
    const resolved = await resolveConnection(connection, side, env)
    diagnosis.passed('reference', 'url' in connection ? 'the URL stands in the argument' : 'the worker finds the URL')
    return resolved
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    if (error instanceof TlsFileError) diagnosis.failed('tls', error.message, error.hint ?? '')
    else
      diagnosis.failed('reference', error.message, 'Give every worker of the task queue the variable or file, restart them, and try again.')
    return undefined
  }
}

async function session(
  diagnosis: Diagnosis,
  database: Database,
  resolved: ResolvedConnection,
  open: (options?: Partial<ConnectOptions>) => Promise<Database>,
): Promise<void> {
  tellTls(diagnosis, database, resolved)
  diagnosis.passed('authentication', `logged in as ${ident(resolved.user)}`)
  diagnosis.passed('database', ident(resolved.database))
  const service = await managedService(database)
  tellServer(diagnosis, database, service)
  const right = await readReplicationRight(database)
  await tellRole(diagnosis, database, right)
  if (database.side === 'source') {
    let walsender: Database | undefined
    try {
      walsender = await open({ replication: true })
    } catch (error) {
      refusedReplication(diagnosis, error, resolved, right)
    } finally {
      await walsender?.close()
    }
    if (walsender) await tellReplication(diagnosis, database, service)
  }
  await tellMiddlemen(diagnosis, database, open)
  await tellTimes(diagnosis, database)
}
