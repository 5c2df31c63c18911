import type { Client } from 'pg'
import { ident } from '../postgres/quote.ts'

/**
 * The output plugin as `LogicalReplicationService.subscribe` of pg-logical-replication 2.5.0 wants it. Not the one of that
 * package: it always sends the option `messages`, which PostgreSQL 10 to 13 reject, and turns values into JavaScript types.
 */
export class PgoutputPlugin {
  readonly name = 'pgoutput'
  readonly options: { readonly publication: string; readonly onConnect: (client: Client) => void }

  /** `onConnect` gets the walsender connection right before the stream starts, so that no message is missed. */
  constructor(options: { readonly publication: string; readonly onConnect: (client: Client) => void }) {
    this.options = options
  }

  /** Starts streaming from `lsn` (`X/Y`); the promise ends with the stream. */
  start(client: Client, slot: string, lsn: string): Promise<unknown> {
    this.options.onConnect(client)
    // The value is a list of SQL identifiers: unquoted ones would be folded to lower case.
    const names = ident(this.options.publication).replaceAll("'", "''")
    return client.query(`START_REPLICATION SLOT ${ident(slot)} LOGICAL ${lsn} (proto_version '1', publication_names '${names}')`)
  }

  /** Nothing: the change stream reads the connection's messages itself, with their headers. */
  parse(): void {}
}
