import type { Duplex } from 'node:stream'
import type { Client } from 'pg'

/**
 * What the change stream uses of `pg`'s own Connection (pg 8.23.1, lib/connection.js): it is not part of the typed interface,
 * and pg-logical-replication hides it. The one place that reaches for it.
 */
export interface WalsenderConnection {
  /** Behind TLS the TLS socket. */
  readonly stream: Duplex
  sendCopyFromChunk(chunk: Buffer): void
  removeAllListeners(event: 'copyData'): this
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): this
  on(event: 'notice', listener: (notice: { readonly severity?: string; readonly code?: string; readonly message?: string }) => void): this
}

/** The connection below a client. */
export function walsenderConnection(client: Client): WalsenderConnection {
  return (client as unknown as { readonly connection: WalsenderConnection }).connection
}

/** The socket of a LogicalReplicationService, also while it still connects. */
export function serviceSocket(service: object): Duplex | undefined {
  const client = (service as { readonly _client?: Client | null })._client
  return client ? walsenderConnection(client).stream : undefined
}
