import type { Duplex } from 'node:stream'
import type { Client } from 'pg'
import { MigrationError } from '../errors/migration-error.ts'
import { CopyDataReader } from './copy-data-reader.ts'
import type { CopyDataListener } from './copy-data-reader.ts'

/**
 * What the change stream uses of `pg`'s own Connection (pg 8.23.1, lib/connection.js): it is not part of the typed interface,
 * and pg-logical-replication hides it. The one place that reaches for it.
 */
export interface WalsenderConnection {
  /** Behind TLS the TLS socket. */
  readonly stream: Duplex
  sendCopyFromChunk(chunk: Buffer): void
  /** Sends CopyDone; the server answers with its own and ends the command (PostgreSQL documentation, "Streaming Replication Protocol"). */
  endCopyFrom(): void
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

/**
 * From now on gives CopyData messages to `onCopyData` as they stand in what the socket read, and everything else to pg's own parser: that one copies each
 * message, and makes objects and an event of it. To be called while no answer is under way, so that the parser holds no part of a message.
 * What a listener throws goes to `onError`.
 */
export function interceptCopyData({ stream }: WalsenderConnection, onCopyData: CopyDataListener, onError: (error: unknown) => void): void {
  const [parse, ...others] = stream.listeners('data')
  if (!parse || others.length > 0) throw new MigrationError('Internal', 'pg reads its socket in another way than pgmove knows')
  const reader = new CopyDataReader(onCopyData, (message) => {
    parse.call(stream, message)
  })
  stream.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk)
    } catch (error) {
      onError(error)
    }
  })
  stream.removeListener('data', parse as (chunk: Buffer) => void)
}
