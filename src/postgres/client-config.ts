import type pg from 'pg'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import type { ConnectedEndpoint } from './endpoint.ts'
import { hostLabel } from './endpoint.ts'
import type { ResolvedConnection } from './resolved-connection.ts'
import { tlsOptions } from './tls-options.ts'

/** What a connection needs beside where it goes. */
export interface ClientConfigOptions {
  readonly side: Side
  readonly applicationName: string
  /** The whole startup options, as `startupOptions` builds them. */
  readonly startup: string
  /** 0 waits for ever. */
  readonly timeoutMs: number
}

/** `pg`'s parser of URLs and its defaults from PG* variables differ from libpq's, so every key is set and no URL is given. */
export function clientConfig(
  resolved: ResolvedConnection,
  endpoint: ConnectedEndpoint,
  { side, applicationName, startup, timeoutMs }: ClientConfigOptions,
): pg.ClientConfig {
  const { host, address, encrypted } = endpoint
  const config: pg.ClientConfig & { sslnegotiation: string; enableChannelBinding: boolean } = {
    host: address,
    port: host.port,
    user: resolved.user,
    database: resolved.database,
    // A function, so that printing the configuration shows no secret.
    password: () => {
      if (host.password !== undefined) return host.password.reveal()
      const note = resolved.passwordNote === undefined ? '' : `; ${resolved.passwordNote}`
      const text = `On the ${side}: ${hostLabel(host)} asks for a password of the role "${resolved.user}", and none is known${note}.`
      throw new MigrationError('AuthenticationFailed', text, { side })
    },
    options: startup,
    application_name: applicationName,
    ssl: encrypted ? tlsOptions(resolved, endpoint) : false,
    sslnegotiation: encrypted && resolved.tls.direct ? 'direct' : 'postgres',
    enableChannelBinding: encrypted && resolved.tls.channelBinding !== 'disable',
    keepAlive: true,
    keepAliveInitialDelayMillis: resolved.keepAliveIdleMs,
    connectionTimeoutMillis: timeoutMs,
    // Values stay the text that PostgreSQL printed.
    types: { getTypeParser: () => (value: string) => value },
  }
  return config
}
