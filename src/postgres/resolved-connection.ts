import type { Secret } from './secret.ts'

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
export type TargetSessionAttributes = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby'

/** One of the servers of a connection. */
export interface ResolvedHost {
  /** A name, an IP address, or the directory of a Unix socket (begins with `/`). */
  readonly host: string
  /** Connect to this IP address instead of looking `host` up; empty if not given. */
  readonly hostaddr: string
  readonly port: number
  /** The password for this host: of the spec's reference, the URL, PGPASSWORD or the password file. */
  readonly password: Secret | undefined
}

/** TLS as libpq would use it: the files are read, the paths kept for child programs. */
export interface ResolvedTls {
  readonly mode: SslMode
  readonly direct: boolean
  readonly sni: boolean
  /** The trusted roots: PEM text, `system` for Node's own list, undefined if the server's certificate isn't verified. */
  readonly roots: string | undefined
  readonly certificate: string | undefined
  readonly key: Secret | undefined
  readonly revoked: string | undefined
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  readonly files: { readonly root?: string; readonly certificate?: string; readonly key?: string; readonly revoked?: string }
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** A connection with every reference resolved and every default filled in; it holds secrets and never leaves the worker's memory. */
export interface ResolvedConnection {
  /** In the order in which they are tried; at least one. */
  readonly hosts: readonly [ResolvedHost, ...ResolvedHost[]]
  readonly user: string
  readonly database: string
  /** The URL's own startup options; pgmove's follow and win. */
  readonly options: string
  readonly sessionAttributes: TargetSessionAttributes
  /** For each host, from `connect_timeout`; 0 waits for ever, undefined leaves it to the caller. */
  readonly connectTimeoutMs: number | undefined
  readonly keepAliveIdleMs: number
  readonly tls: ResolvedTls
  /** The password file that libpq reads if there is no other password. */
  readonly passwordFile: string
  /** Why there is no password although a file was there to hold it: for the message, should the server ask for one. */
  readonly passwordNote: string | undefined
}
