import { classify, sqlState } from '../errors/classify.ts'
import type { MigrationError, Side } from '../errors/migration-error.ts'
import { POOLER, TOO_OLD } from '../postgres/pin-session.ts'
import { ident } from '../postgres/quote.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { isTlsFailure } from '../postgres/tls-options.ts'
import type { ReplicationRight } from '../source/replication-right.ts'
import type { Diagnosis } from './diagnosis.ts'
import { accessFix, serviceOfHost, setParameter } from './managed-service.ts'
import type { ManagedService } from './managed-service.ts'

/** Says at which step a session was refused, and what to do there. */
export function refusedSession(diagnosis: Diagnosis, cause: unknown, side: Side, resolved: ResolvedConnection): void {
  const error = classify(cause, side)
  const { check, fix } = refusal(error, resolved)
  diagnosis.failed(check, error.message, fix)
}

/** The same for the replication connection, which is opened when an ordinary one stands. */
export function refusedReplication(diagnosis: Diagnosis, cause: unknown, resolved: ResolvedConnection, right: ReplicationRight): void {
  const error = classify(cause, 'source')
  const { fix } = refusal(error, resolved)
  const mayNot = sqlState(error) === '42501'
  diagnosis.failed('replication', error.message, mayNot ? right.grant : fix)
}

function refusal(error: MigrationError, resolved: ResolvedConnection): { check: string; fix: string } {
  const [user, database] = [ident(resolved.user), ident(resolved.database)]
  if (causes(error).some(isTlsFailure)) return { check: 'tls', fix: tlsFix(causes(error), resolved) }
  switch (sqlState(error)) {
    case '28000':
      return { check: 'authentication', fix: notLetIn(error.message, resolved) }
    case '28P01':
      return {
        check: 'authentication',
        fix: `Correct the password that the worker finds for ${user}, or set it: alter role ${user} password '…'`,
      }
    case '3D000':
      return { check: 'database', fix: `Correct the database in the URL, or create it: create database ${database}` }
    case '42501':
      return { check: 'database', fix: `grant connect on database ${database} to ${user}` }
    case '53300': {
      const service = serviceOf(resolved.hosts)
      const raise = service
        ? setParameter(service, 'max_connections', 'a greater value', 'restart')
        : 'raise max_connections and restart the server.'
      return { check: 'connections', fix: `End sessions that nobody needs; or: ${raise}` }
    }
    case '57P03':
      return { check: 'session', fix: 'The server starts, stops or recovers: try again when it is up.' }
    case '08P01':
      return { check: 'pooler', fix: NO_POOLER }
    default:
      // Settings that were dropped on the way, or a session that is moved between processes.
      if (error.hint === POOLER) return { check: 'pooler', fix: NO_POOLER }
      if (error.hint === TOO_OLD)
        return { check: 'version', fix: 'Upgrade the server to PostgreSQL 10 or newer, or give the URL of another one.' }
      if (error.kind === 'AuthenticationFailed') return { check: 'authentication', fix: error.hint ?? roleFix(user) }
      return { check: 'session', fix: error.hint ?? "Look into the server's log for the reason." }
  }
}

const NO_POOLER = 'Give the URL of the server itself, not of a connection pooler.'

function serviceOf(hosts: ResolvedConnection['hosts']): ManagedService | undefined {
  for (const { host } of hosts) {
    const service = serviceOfHost(host)
    if (service) return service
  }
  return undefined
}

function causes(error: MigrationError): Error[] {
  const found: Error[] = []
  for (let e: unknown = error; e instanceof Error; e = e.cause) found.push(e)
  return found
}

function notLetIn(message: string, resolved: ResolvedConnection): string {
  const user = ident(resolved.user)
  if (/valid client certificate/.test(message)) {
    return `Give the worker a client certificate: sslcert=FILE&sslkey=FILE in the URL, signed by an authority of the server's ssl_ca_file, with the common name ${user}.`
  }
  if (/certificate authentication failed/.test(message)) {
    return `Give a client certificate whose common name is ${user}, or map its name to that role (map=NAME in pg_hba.conf, and pg_ident.conf).`
  }
  return /pg_hba\.conf/.test(message) ? pgHbaFix(message, resolved) : roleFix(user)
}

/** `role` is quoted. */
function roleFix(role: string): string {
  return `Give a password for ${role} ("password": {"env"|"file"} beside the URL), and let it log in: alter role ${role} login`
}

/** The server names the address from which it saw the connection come, which translation on the way may have changed. */
function pgHbaFix(message: string, { user, database, hosts }: ResolvedConnection): string {
  const service = serviceOf(hosts)
  if (service)
    return accessFix(service, ident(user), {
      plain: /(?:SSL off|no encryption)/.test(message),
      replication: /for replication connection/.test(message),
    })
  const address = /for (?:replication connection from )?host "([^"]+)"/.exec(message)?.[1]
  const plain = /(?:SSL off|no encryption)/.test(message)
  const kind = address === undefined ? 'local' : plain ? 'host' : 'hostssl'
  const mask = address === undefined ? '' : ` ${address}/${address.includes(':') ? 128 : 32}`
  return `Add to pg_hba.conf: ${kind} ${hbaWord(database)} ${hbaWord(user)}${mask} scram-sha-256 — then: select pg_reload_conf()`
}

/** In pg_hba.conf words such as `all`, or with blanks, commas or signs in them, stand in quotes (PostgreSQL documentation, "The pg_hba.conf File"). */
function hbaWord(name: string): string {
  return /^\w+$/.test(name) && !['all', 'sameuser', 'samerole', 'samegroup', 'replication'].includes(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`
}

function tlsFix(errors: readonly Error[], { tls }: ResolvedConnection): string {
  const codes = errors.map((error) => String((error as NodeJS.ErrnoException).code ?? ''))
  if (errors.some(({ message }) => /does not support SSL/.test(message))) {
    return 'Set ssl = on with ssl_cert_file and ssl_key_file in postgresql.conf and reload, or choose a weaker sslmode.'
  }
  if (codes.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    return `sslmode=${tls.mode}: give the host in the URL by a name that stands in the server's certificate.`
  }
  if (codes.some((code) => /SELF_SIGNED|UNABLE_TO|DEPTH_ZERO/.test(code))) {
    return `sslmode=${tls.mode}: give the certificate of the authority that signed the server's as sslrootcert=FILE on every worker.`
  }
  // What begins with ERR_SSL and names an alert is the server's answer, to the certificate that was shown to it.
  if (codes.some((code) => /^ERR_SSL_.*ALERT_(UNKNOWN_CA|BAD_CERT|CERT|UNSUPPORTED_CERT|DECRYPT|DECRYPT_ERROR)/.test(code))) {
    return `The server refuses the client certificate ${tls.files.certificate ?? ''}: give one (sslcert, sslkey) that is valid and signed by an authority of the server's ssl_ca_file.`
  }
  if (codes.some((code) => /KEY_VALUES_MISMATCH/.test(code))) {
    return `Give the private key of the certificate: sslcert=${tls.files.certificate ?? ''} and sslkey=${tls.files.key ?? ''} do not belong together.`
  }
  if (codes.some((code) => /EXPIRED/.test(code))) return "Renew the server's certificate."
  return 'Make TLS of both ends fit: ssl_min_protocol_version, certificates, and whether the server asks for a client certificate (sslcert, sslkey).'
}
