import type { Endpoint } from './endpoint.ts'
import type { ResolvedConnection } from './resolved-connection.ts'

/** How a child program is to connect. */
export interface LibpqEnvironmentOptions {
  /** Connect to this server and no other, such as the one whose snapshot a dump uses (`database.endpoint`). */
  readonly endpoint?: Endpoint
  /** Startup options behind the URL's own. */
  readonly options?: string
  readonly applicationName?: string
  /** What the child inherits, without libpq's variables. Default: the worker's environment. */
  readonly base?: Readonly<Record<string, string | undefined>>
}

/**
 * The whole environment of a libpq program such as pg_dump, so that it connects as pgmove does and no secret stands among
 * its arguments. libpq's variables of the worker are left out: what they meant is in `resolved` already.
 */
export function libpqEnvironment(resolved: ResolvedConnection, options: LibpqEnvironmentOptions = {}): Record<string, string> {
  const { endpoint, applicationName, base = process.env } = options
  const { tls } = resolved
  const hosts = endpoint ? [endpoint.host] : resolved.hosts
  const socket = endpoint?.address.startsWith('/') === true
  const addresses = endpoint ? (socket ? [] : [endpoint.address]) : hosts.map(({ hostaddr }) => hostaddr)
  const passwords = new Set(resolved.hosts.map(({ password }) => password?.reveal()))
  // Several hosts with different passwords come from the password file alone, which the child reads itself.
  const password = endpoint ? endpoint.host.password?.reveal() : passwords.size === 1 ? [...passwords][0] : undefined
  const timeoutMs = resolved.connectTimeoutMs

  const inherited = Object.entries(base).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^PG(?!MOVE)/.test(entry[0]),
  )
  const own: Record<string, string | undefined> = {
    PGHOST: hosts.map(({ host }) => host).join(','),
    PGHOSTADDR: addresses.some((address) => address !== '') ? addresses.join(',') : undefined,
    PGPORT: hosts.map(({ port }) => String(port)).join(','),
    PGUSER: resolved.user,
    PGDATABASE: resolved.database,
    PGPASSWORD: password,
    PGPASSFILE: resolved.passwordFile,
    PGSSLMODE: tls.mode,
    PGSSLNEGOTIATION: tls.direct ? 'direct' : undefined,
    PGSSLSNI: tls.sni ? undefined : '0',
    PGSSLROOTCERT: tls.files.root,
    PGSSLCERTMODE: tls.certificate === undefined ? 'disable' : undefined,
    PGSSLCERT: tls.files.certificate,
    PGSSLKEY: tls.files.key,
    PGSSLCRL: tls.files.revoked,
    PGSSLMINPROTOCOLVERSION: tls.minVersion,
    PGSSLMAXPROTOCOLVERSION: tls.maxVersion,
    PGCHANNELBINDING: tls.channelBinding,
    PGGSSENCMODE: 'disable',
    PGTARGETSESSIONATTRS: endpoint || resolved.sessionAttributes === 'any' ? undefined : resolved.sessionAttributes,
    PGCONNECT_TIMEOUT: timeoutMs ? String(Math.ceil(timeoutMs / 1000)) : undefined,
    PGOPTIONS: [resolved.options, options.options ?? ''].filter((text) => text !== '').join(' ') || undefined,
    PGAPPNAME: applicationName,
    PGCLIENTENCODING: 'UTF8',
  }
  const given = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries([...inherited, ...given])
}
