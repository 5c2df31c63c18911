import type pg from 'pg'
import { classify, sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { clientConfig } from './client-config.ts'
import { destroy } from './client-internals.ts'
import { PgDatabase } from './database.ts'
import type { Database } from './database.ts'
import { dial } from './dial.ts'
import { encryptionAttempts, endpointsOf, hostLabel } from './endpoint.ts'
import type { ConnectedEndpoint, Endpoint } from './endpoint.ts'
import { pinSession } from './pin-session.ts'
import type { ServerFacts } from './pin-session.ts'
import type { ResolvedConnection, ResolvedHost, TargetSessionAttributes } from './resolved-connection.ts'
import { ReusingSocket } from './reusing-socket.ts'
import { startupOptions, PINNED_SETTINGS } from './session-settings.ts'
import { isTlsFailure, tlsReason } from './tls-options.ts'
import { withTimeout } from './with-timeout.ts'

export type { Database, Parameter, TextRow } from './database.ts'

/** How a session is opened. */
export interface ConnectOptions {
  readonly side: Side
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** lock_timeout of the session in milliseconds; 0, the default, waits for ever. Locks asked for on the source: at most 2000. */
  readonly lockTimeoutMs?: number
  /** A walsender of the database instead of a normal backend: replication commands and simple queries without parameters. */
  readonly replication?: boolean
  /** Whether the session copies out tables: unless encrypted, it reads into the same memory over and over. Default false. */
  readonly copiesOut?: boolean
  /** Settings beside the pinned ones, or in their place: given at startup and verified like them. */
  readonly settings?: Readonly<Record<string, string>>
  /** For each address, unless the URL has `connect_timeout`. Default 10000; 0 waits for ever. */
  readonly timeoutMs?: number
  /** Its abort fails the attempt, and later cancels the running statement and drops the connection, with its reason as the error. */
  readonly signal?: AbortSignal
  /** Told once a session stands. */
  readonly onConnected?: (database: Database) => void
  /** Told when the session ends although nobody has closed it. */
  readonly onLost?: () => void
}

const TIMEOUT_MS = 10_000

/**
 * Opens a session as psql would with the same URL: hosts and their addresses in order, encryption by `sslmode`, the server
 * that `target_session_attrs` asks for; and pins its settings. Fails with `ConnectionLost` if no host answers, and with the
 * server's own answer (`AuthenticationFailed`, `DatabaseMissing`, …) at once if one refuses, as libpq does.
 */
export async function connect(resolved: ResolvedConnection, options: ConnectOptions): Promise<Database> {
  const wanted: readonly TargetSessionAttributes[] =
    resolved.sessionAttributes === 'prefer-standby' ? ['standby', 'any'] : [resolved.sessionAttributes]
  const failures: MigrationError[] = []
  for (const attributes of wanted) {
    for (const host of resolved.hosts) {
      const database = await connectToHost(resolved, host, attributes, options, failures)
      if (!database) continue
      options.onConnected?.(database)
      return database
    }
  }
  const { side } = options
  const last = failures.at(-1)
  if (failures.length === 1 && last) throw last
  const text = [...new Set(failures.map(({ message }) => message))].join(' ').slice(0, 800)
  throw new MigrationError('ConnectionLost', `None of the hosts could be used. ${text}`, { side, cause: last })
}

/** Undefined, with the reasons in `failures`, if the next host is to be tried. */
async function connectToHost(
  resolved: ResolvedConnection,
  host: ResolvedHost,
  attributes: TargetSessionAttributes,
  options: ConnectOptions,
  failures: MigrationError[],
): Promise<Database | undefined> {
  const { side, signal } = options
  const timeoutMs = resolved.connectTimeoutMs ?? options.timeoutMs ?? TIMEOUT_MS
  let endpoints: Endpoint[] = []
  try {
    endpoints = await withTimeout(endpointsOf(host), timeoutMs, signal)
  } catch (error) {
    signal?.throwIfAborted()
    failures.push(placed(error, host, side, resolved))
  }
  for (const endpoint of endpoints) {
    try {
      const { client, encrypted } = await open(resolved, endpoint, timeoutMs, options)
      const connected: ConnectedEndpoint = { ...endpoint, encrypted }
      const facts = await pinned(client, options, timeoutMs)
      if (fits(attributes, facts)) return new PgDatabase({ client, side, endpoint: connected, signal, onLost: options.onLost, ...facts })
      destroy(client)
      const text = `On the ${side}, ${hostLabel(host)}: the server is not what target_session_attrs=${attributes} asks for.`
      failures.push(new MigrationError('ConnectionLost', text, { side }))
    } catch (error) {
      signal?.throwIfAborted()
      const failure = placed(error, host, side, resolved)
      if (failure.kind !== 'ConnectionLost') throw failure
      failures.push(failure)
    }
  }
  return undefined
}

async function open(
  resolved: ResolvedConnection,
  endpoint: Endpoint,
  timeoutMs: number,
  { side, applicationName, replication, copiesOut, settings, signal, lockTimeoutMs }: ConnectOptions,
): Promise<{ client: pg.Client; encrypted: boolean }> {
  const startup = startupOptions({ ...PINNED_SETTINGS, lock_timeout: String(lockTimeoutMs ?? 0), ...settings }, resolved.options)
  let failure: unknown
  for (const encrypted of encryptionAttempts(resolved, endpoint)) {
    const base = clientConfig(resolved, { ...endpoint, encrypted }, { side, applicationName, startup, timeoutMs })
    const plain = encrypted || copiesOut !== true ? base : { ...base, stream: () => new ReusingSocket() }
    const config = replication ? { ...base, replication: 'database' } : plain
    try {
      return { client: await dial(config, { side, signal, requireChannelBinding: resolved.tls.channelBinding === 'require' }), encrypted }
    } catch (error) {
      signal?.throwIfAborted()
      const refused = encrypted && isTlsFailure(error)
      // Where the server refused the first attempt by pg_hba.conf, the second's refusal would only say that it was (not) encrypted.
      if (failure === undefined || isTlsFailure(failure)) failure = error
      if (!refused && sqlState(error) !== '28000') break
    }
  }
  throw failure
}

async function pinned(client: pg.Client, options: ConnectOptions, timeoutMs: number): Promise<ServerFacts> {
  const { side, settings, lockTimeoutMs, signal } = options
  try {
    return await withTimeout(pinSession(client, side, { lock_timeout: String(lockTimeoutMs ?? 0), ...settings }), timeoutMs, signal)
  } catch (error) {
    destroy(client)
    throw error
  }
}

/** As libpq judges; pinned to default_transaction_read_only = off, a session is read-only on a standby alone. */
function fits(attributes: TargetSessionAttributes, { standby, readOnly }: ServerFacts): boolean {
  if (attributes === 'read-write') return !readOnly
  if (attributes === 'read-only') return readOnly
  if (attributes === 'primary') return !standby
  return attributes === 'standby' ? standby : true
}

/** The error of an attempt with the host that it was made on. */
function placed(error: unknown, host: ResolvedHost, side: Side, { passwordNote, tls }: ResolvedConnection): MigrationError {
  if (error instanceof MigrationError) return error
  const where = `On the ${side}, ${hostLabel(host)}`
  if (isTlsFailure(error)) {
    const text = `${where}: sslmode=${tls.mode} could not be kept: ${tlsReason(error)}`
    return new MigrationError('AuthenticationFailed', text, { side, cause: error })
  }
  const { kind, message } = classify(error, side)
  const note = kind === 'AuthenticationFailed' && passwordNote !== undefined ? ` (${passwordNote})` : ''
  return new MigrationError(kind, `${where}${message.slice(`On the ${side}`.length)}${note}`, { side, cause: error })
}
