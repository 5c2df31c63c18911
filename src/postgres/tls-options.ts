import net from 'node:net'
import tls from 'node:tls'
import type { ConnectedEndpoint } from './endpoint.ts'
import type { ResolvedConnection } from './resolved-connection.ts'

/** What `pg` hands to tls.connect for an endpoint; the name that is verified is the host of the URL, not the address it led to. */
export function tlsOptions({ tls: settings }: ResolvedConnection, { host }: ConnectedEndpoint): tls.ConnectionOptions {
  const name = host.host || host.hostaddr
  const fullName = settings.mode === 'verify-full'
  return {
    rejectUnauthorized: settings.roots !== undefined,
    ...(settings.roots === undefined || settings.roots === 'system' ? {} : { ca: settings.roots }),
    ...(settings.certificate === undefined ? {} : { cert: settings.certificate }),
    ...(settings.key === undefined ? {} : { key: settings.key.reveal() }),
    ...(settings.revoked === undefined ? {} : { crl: settings.revoked }),
    // RFC 6066: an IP address is no server name.
    ...(settings.sni && net.isIP(name) === 0 ? { servername: name } : {}),
    host: name,
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    checkServerIdentity: fullName ? (_, certificate) => checkName(name, certificate) : () => undefined,
  }
}

/** As Node does; libpq also takes an IP address as common name if the certificate has no alternative names. */
function checkName(name: string, certificate: tls.PeerCertificate): Error | undefined {
  if (net.isIP(name) !== 0 && certificate.subjectaltname === undefined && String(certificate.subject.CN) === name) return undefined
  return tls.checkServerIdentity(name, certificate)
}

const TLS_CODES = /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERROR_IN_CERT|INVALID_|HOSTNAME_MISMATCH|EPROTO)/

/** Whether no encrypted connection came about, or the server didn't prove who it is; the connection itself was there. */
export function isTlsFailure(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'string' && TLS_CODES.test(code)) return true
  return typeof message === 'string' && /does not support SSL|establishing an SSL|before secure TLS connection/.test(message)
}

/** What went wrong, without the places in OpenSSL's source files that its own messages name. */
export function tlsReason(error: unknown): string {
  const { code, reason, message } = error as { code?: unknown; reason?: unknown; message?: unknown }
  const ofOpenssl = typeof code === 'string' && /^ERR_(SSL|OSSL)/.test(code) && typeof reason === 'string'
  return String(ofOpenssl ? reason : message).slice(0, 300)
}
