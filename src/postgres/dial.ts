import pg from 'pg'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { destroy, internals } from './client-internals.ts'

/** How one connection is opened. */
export interface DialOptions {
  readonly side: Side
  readonly requireChannelBinding: boolean
  /** Fails the attempt with its reason and leaves no socket behind. */
  readonly signal?: AbortSignal | undefined
}

/** Opens one connection to one address; leaves nothing open if that fails. Errors are those of `pg` and the socket. */
export async function dial(config: pg.ClientConfig, { side, requireChannelBinding, signal }: DialOptions): Promise<pg.Client> {
  signal?.throwIfAborted()
  const client = new pg.Client(config)
  // A socket that dies between two statements must not end the process; the next statement tells.
  client.on('error', () => undefined)
  const bound = requireChannelBinding ? demandChannelBinding(client, side) : () => undefined
  const abort = (): void => destroy(client, new Error('connection attempt aborted'))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await client.connect()
    bound()
    return client
  } catch (error) {
    destroy(client)
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * `channel_binding=require`: no answer to any request but SCRAM-SHA-256-PLUS. Must be called before connecting, so that it
 * sees the server's requests first; the function returned fails if the server never made that request.
 */
function demandChannelBinding(client: pg.Client, side: Side): () => void {
  const { connection } = internals(client)
  const failure = (): MigrationError =>
    new MigrationError(
      'AuthenticationFailed',
      `On the ${side}: channel_binding=require, but the server does not offer it. Nothing was sent.`,
      { side },
    )
  const refuse = (): void => {
    connection.emit('error', failure())
    destroy(client)
  }
  let offered = false
  connection.on('authenticationCleartextPassword', refuse)
  connection.on('authenticationMD5Password', refuse)
  connection.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) => {
    offered = mechanisms.includes('SCRAM-SHA-256-PLUS')
    if (!offered) refuse()
  })
  return () => {
    if (!offered) throw failure()
  }
}
