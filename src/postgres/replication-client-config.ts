import type pg from 'pg'
import { clientConfig } from './client-config.ts'
import { connect } from './connect.ts'
import type { Side } from '../errors/migration-error.ts'
import type { ConnectedEndpoint } from './endpoint.ts'
import type { ResolvedConnection } from './resolved-connection.ts'
import { sessionSettings, startupOptions } from './session-settings.ts'

/** For whom a replication connection is configured. */
export interface ReplicationClientOptions {
  readonly applicationName: string
  /** server_version_num, so that newer settings are pinned at startup too: a walsender that streams can't be told later. */
  readonly version: number
  /** Where a session stands already (`database.endpoint`); without it, a short session finds the host that answers. */
  readonly endpoint?: ConnectedEndpoint
  /** Default `source`. */
  readonly side?: Side
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What LogicalReplicationService needs to connect as every other session does; it adds `replication` itself. */
export async function replicationClientConfig(resolved: ResolvedConnection, options: ReplicationClientOptions): Promise<pg.ClientConfig> {
  const { applicationName, version, side = 'source', timeoutMs = 10_000, signal } = options
  let { endpoint } = options
  if (!endpoint) {
    const database = await connect(resolved, { side, applicationName, timeoutMs, ...(signal ? { signal } : {}) })
    endpoint = database.endpoint
    await database.close()
  }
  const startup = startupOptions(sessionSettings(version, { lock_timeout: '0' }), resolved.options)
  return clientConfig(resolved, endpoint, { side, applicationName, startup, timeoutMs: resolved.connectTimeoutMs ?? timeoutMs })
}
