import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type pg from 'pg'

/** Parts of pg.Client 8.23 that its types leave out. */
export interface ClientInternals {
  readonly connection: EventEmitter & { readonly stream: Duplex; query(text: string): void; sendCopyFail(reason: string): void }
  readonly processID: number | null
  readonly secretKey: number | Buffer | null
}

export function internals(client: pg.Client): ClientInternals {
  return client as unknown as ClientInternals
}

/** Ends the connection at once, without a goodbye; what is pending on it fails. */
export function destroy(client: pg.Client, reason?: Error): void {
  internals(client).connection.stream.destroy(reason)
}
