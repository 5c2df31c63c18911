import net from 'node:net'
import tls from 'node:tls'
import { internals } from '../postgres/client-internals.ts'
import type { Database } from '../postgres/connect.ts'
import { hostLabel, isUnixSocket } from '../postgres/endpoint.ts'
import { ident } from '../postgres/quote.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import type { ReplicationRight } from '../source/replication-right.ts'
import { readWalLevel } from '../source/wal-level.ts'
import { majorOf, versionText } from '../precheck/server-version.ts'
import type { Diagnosis } from './diagnosis.ts'
import { walLevelFix } from './managed-service.ts'
import type { ManagedService } from './managed-service.ts'

const NEWEST = 18
const SLOW_MS = 20
const ROUND_TRIPS = 7
const OFF_MS = 5_000

/** Which encryption the session came to. */
export function tellTls(diagnosis: Diagnosis, database: Database, { tls: settings }: ResolvedConnection): void {
  const { endpoint } = database
  const { stream } = internals(database.client).connection
  if (isUnixSocket(endpoint)) return diagnosis.passed('tls', 'a Unix socket, which is never encrypted')
  if (stream instanceof tls.TLSSocket) {
    const verified = settings.roots === undefined ? 'not verified' : 'verified'
    return diagnosis.passed('tls', `${stream.getProtocol() ?? 'TLS'}; the server's certificate was ${verified} (sslmode=${settings.mode})`)
  }
  const found = `not encrypted (sslmode=${settings.mode})`
  if (isLoopback(endpoint.address)) return diagnosis.passed('tls', `${found}, on this machine`)
  diagnosis.warning(
    'tls',
    found,
    'Set ssl = on in postgresql.conf with a certificate, and sslmode=verify-full with sslrootcert in the URL.',
  )
}

function isLoopback(address: string): boolean {
  return address === '::1' || (net.isIPv4(address) && address.startsWith('127.'))
}

export function tellServer(diagnosis: Diagnosis, database: Database, service: ManagedService | undefined): void {
  const found = `PostgreSQL ${versionText(database.version)}${service ? `, ${service}` : ''} at ${hostLabel(database.endpoint.host)}`
  if (majorOf(database.version) <= NEWEST) return diagnosis.passed('version', found)
  diagnosis.failed('version', found, `Use a version of pgmove that knows PostgreSQL ${majorOf(database.version)}.`)
}

/** A pooler gives another process than it says, a load balancer another server to the next connection. */
export async function tellMiddlemen(diagnosis: Diagnosis, database: Database, another: () => Promise<Database>): Promise<void> {
  const fix = 'Give the URL of the server itself, not of a connection pooler or load balancer.'
  const { processID } = internals(database.client)
  if (processID !== null && processID !== database.processId) {
    return diagnosis.warning('pooler', 'something between pgmove and the server answers for it, as a connection pooler does', fix)
  }
  const first = await serverStart(database)
  for (let n = 0; n < 3; n++) {
    const second = await another()
    try {
      if ((await serverStart(second)) !== first) {
        return diagnosis.failed('pooler', 'connections to the same address end at different servers', fix)
      }
    } finally {
      await second.close()
    }
  }
  diagnosis.passed('pooler', 'none: every connection ends at the same server, at the process that it names')
}

async function serverStart(database: Database): Promise<string> {
  const [row] = await database.query<{ started: string }>('select pg_postmaster_start_time() as started')
  return row?.started ?? ''
}

/** What every migration needs of the role, and on the source what incremental replication needs. */
export async function tellRole(diagnosis: Diagnosis, database: Database, replication: ReplicationRight): Promise<void> {
  const [row] = await database.query<{ name: string; super: string; create: string; pgmove: string; database: string }>(
    `select r.rolname as name, r.rolsuper as super, has_database_privilege(current_database(), 'create') as create, current_database() as database,
            coalesce((select has_schema_privilege(oid, 'create') from pg_namespace where nspname = 'pgmove'), false) as pgmove
       from pg_roles r where r.rolname = session_user`,
  )
  if (!row) return
  const role = ident(row.name)
  const wanted: { missing: string; fix: string }[] = []
  if (row.create !== 't' && row.pgmove !== 't') {
    wanted.push({
      missing: 'create the schema pgmove',
      fix: `grant create on database ${ident(row.database)} to ${role}`,
    })
  }
  if (database.side === 'source' && !replication.may) wanted.push({ missing: 'replicate', fix: replication.grant })
  if (wanted.length === 0) return diagnosis.passed('role', `${role}${row.super === 't' ? ', a superuser' : ''}, may do what pgmove does`)
  const only = database.side === 'source' ? ' (only incremental replication needs it)' : ''
  diagnosis.failed(
    'role',
    `${role} may not ${wanted.map(({ missing }) => missing).join(', nor ')}${only}`,
    wanted.map(({ fix }) => fix).join('; '),
  )
}

/** Whether the source is set up for logical replication; the connection for it has been opened by then. */
export async function tellReplication(diagnosis: Diagnosis, database: Database, service: ManagedService | undefined): Promise<void> {
  const { level, pending } = await readWalLevel(database)
  if (level === 'logical') return diagnosis.passed('replication', 'a replication connection was opened; wal_level = logical')
  const fix = pending ? 'Restart the server: the changed wal_level waits for it.' : walLevelFix(service)
  diagnosis.failed('replication', `wal_level = ${level} (only incremental replication needs logical)`, fix)
}

/** The clocks' difference, and how long an answer takes. */
export async function tellTimes(diagnosis: Diagnosis, database: Database): Promise<void> {
  const tries: { ms: number; offsetMs: number }[] = []
  for (let n = 0; n < ROUND_TRIPS; n++) {
    const began = performance.now()
    const sentAt = Date.now()
    const [row] = await database.query<{ at: string }>('select extract(epoch from clock_timestamp()) * 1000 as at')
    const ms = performance.now() - began
    tries.push({ ms, offsetMs: Number(row?.at) - (sentAt + ms / 2) })
  }
  tries.sort((a, b) => a.ms - b.ms)
  const [fastest] = tries
  const median = tries[Math.floor(tries.length / 2)]
  if (!fastest || !median) return
  const offset = `the server's clock is ${Math.abs(Math.round(fastest.offsetMs))} ms ${fastest.offsetMs < 0 ? 'behind' : 'ahead of'} the worker's`
  if (Math.abs(fastest.offsetMs) < OFF_MS) diagnosis.passed('clock', offset)
  else diagnosis.warning('clock', offset, 'Set both clocks by NTP: times in reports and logs would not fit together.')
  const trip = `${median.ms.toFixed(1)} ms for a round trip`
  if (median.ms < SLOW_MS) diagnosis.passed('round_trip', trip)
  else
    diagnosis.warning('round_trip', trip, 'Run the workers nearer to the server, best in the same region: every statement waits that long.')
}
