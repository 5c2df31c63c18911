import dns from 'node:dns/promises'
import net from 'node:net'
import type { ResolvedConnection, ResolvedHost } from './resolved-connection.ts'

/** One address of one host. */
export interface Endpoint {
  readonly host: ResolvedHost
  /** An IP address, or the directory of a Unix socket. */
  readonly address: string
}

/** An endpoint that answered, and how. */
export interface ConnectedEndpoint extends Endpoint {
  readonly encrypted: boolean
}

export function isUnixSocket(endpoint: Endpoint): boolean {
  return endpoint.address.startsWith('/')
}

/** `db1:5432`, for messages. */
export function hostLabel({ host, hostaddr, port }: ResolvedHost): string {
  const name = host || hostaddr
  return name.startsWith('/') ? `${name}/.s.PGSQL.${port}` : `${net.isIPv6(name) ? `[${name}]` : name}:${port}`
}

/** Every address of a host, in the resolver's order: libpq tries them all. */
export async function endpointsOf(host: ResolvedHost): Promise<Endpoint[]> {
  if (host.hostaddr !== '') return [{ host, address: host.hostaddr }]
  if (host.host.startsWith('/') || net.isIP(host.host) !== 0) return [{ host, address: host.host }]
  const addresses = await dns.lookup(host.host, { all: true, verbatim: true })
  return addresses.map(({ address }) => ({ host, address }))
}

/** With which encryption to try an endpoint, in order. A Unix socket is never encrypted (PostgreSQL documentation, sslmode). */
export function encryptionAttempts({ tls }: ResolvedConnection, endpoint: Endpoint): readonly boolean[] {
  if (isUnixSocket(endpoint) || tls.mode === 'disable') return [false]
  if (tls.mode === 'allow') return [false, true]
  return tls.mode === 'prefer' ? [true, false] : [true]
}
