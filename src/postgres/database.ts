import type pg from 'pg'
import { classify, sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { cancelRequest } from './cancel-request.ts'
import { destroy, internals } from './client-internals.ts'
import type { ConnectedEndpoint } from './endpoint.ts'

/** A row as PostgreSQL prints it. */
export type TextRow = Record<string, string | null>
/** A parameter: text, or bytes for bytea. */
export type Parameter = string | null | Buffer

const GOODBYE_MS = 2000

/**
 * One session with pinned settings. One statement at a time. Every error is a MigrationError with the original as its
 * cause, but after the abort of the session's signal it is the signal's reason.
 */
export interface Database {
  /** For pg-copy-streams and notices. */
  readonly client: pg.Client
  readonly side: Side
  /** server_version_num, such as 130023. */
  readonly version: number
  /** The server's process: pg_backend_pid(). */
  readonly processId: number
  /** Where the connection goes: one of several hosts may have answered. */
  readonly endpoint: ConnectedEndpoint
  /** Rows of text; of several statements in one text, those of the last. */
  query<R extends TextRow = TextRow>(text: string, values?: readonly Parameter[]): Promise<R[]>
  /** The number of rows affected. */
  execute(text: string, values?: readonly Parameter[]): Promise<number>
  /** Runs `body` between `begin` and commit; rolls back if it fails. Fails if the commit turned out to be a rollback. */
  transaction<T>(body: () => Promise<T>, begin?: string): Promise<T>
  /** Never fails; after 2 s it drops the connection. */
  close(): Promise<void>
}

/** What a Database is made of. */
export interface DatabaseParts {
  readonly client: pg.Client
  readonly side: Side
  readonly version: number
  readonly processId: number
  readonly endpoint: ConnectedEndpoint
  /** Its abort cancels the running statement and drops the connection. */
  readonly signal?: AbortSignal | undefined
  /** Told when the session ends although nobody has closed it. */
  readonly onLost?: (() => void) | undefined
}

/** Owns a connected client until `close`. */
export class PgDatabase implements Database {
  readonly client: pg.Client
  readonly side: Side
  readonly version: number
  readonly processId: number
  readonly endpoint: ConnectedEndpoint
  readonly #signal: AbortSignal | undefined
  #lost: unknown
  #closed: Promise<void> | undefined

  constructor({ client, side, version, processId, endpoint, signal, onLost }: DatabaseParts) {
    this.client = client
    this.side = side
    this.version = version
    this.processId = processId
    this.endpoint = endpoint
    this.#signal = signal
    client.on('error', (error) => (this.#lost ??= error))
    client.on('end', () => {
      this.#lost ??= new Error('Connection terminated')
      if (!this.#closed && !signal?.aborted) onLost?.()
      signal?.removeEventListener('abort', this.#abort)
    })
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  async query<R extends TextRow = TextRow>(text: string, values: readonly Parameter[] = []): Promise<R[]> {
    return (await this.#run(text, values)).rows as R[]
  }

  async execute(text: string, values: readonly Parameter[] = []): Promise<number> {
    return (await this.#run(text, values)).rowCount ?? 0
  }

  async transaction<T>(body: () => Promise<T>, begin = 'begin'): Promise<T> {
    await this.#run(begin, [])
    let result: T
    try {
      result = await body()
    } catch (error) {
      // If the connection is gone, so is the transaction.
      await this.#run('rollback', []).catch(() => undefined)
      throw this.#signal?.aborted ? this.#error(error) : error
    }
    const { command } = await this.#run('commit', [])
    if (command === 'COMMIT') return result
    // PostgreSQL answers COMMIT with ROLLBACK if a statement failed and its error was swallowed.
    throw new MigrationError(
      'Internal',
      `On the ${this.side}: a transaction was rolled back at its commit, because a statement in it had failed.`,
      {
        side: this.side,
      },
    )
  }

  close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    return (this.#closed ??= this.#end())
  }

  async #end(): Promise<void> {
    const timer = setTimeout(() => destroy(this.client), GOODBYE_MS)
    // On a socket that has died already, `end` would wait for an event that came before.
    if (internals(this.client).connection.stream.destroyed) this.#lost ??= new Error('Connection terminated')
    else await this.client.end().catch(() => undefined)
    clearTimeout(timer)
    this.#lost ??= new Error('Connection closed by pgmove')
  }

  readonly #abort = (): void => {
    const { processID, secretKey } = internals(this.client)
    this.#lost ??= new Error('Connection aborted by pgmove')
    const cancelled = processID !== null && secretKey !== null ? cancelRequest(this.endpoint, processID, secretKey) : Promise.resolve()
    void cancelled.finally(() => destroy(this.client))
  }

  async #run(text: string, values: readonly Parameter[]): Promise<pg.QueryResult<TextRow>> {
    if (this.#lost !== undefined) throw this.#error(this.#lost)
    try {
      const result: pg.QueryResult<TextRow> | pg.QueryResult<TextRow>[] =
        values.length > 0 ? await this.client.query<TextRow>(text, [...values]) : await this.client.query<TextRow>(text)
      const last = Array.isArray(result) ? (result as pg.QueryResult<TextRow>[]).at(-1) : result
      if (last) return last
      throw new Error('a statement without a result')
    } catch (error) {
      throw this.#error(error)
    }
  }

  #error(error: unknown): unknown {
    if (this.#signal?.aborted) return this.#signal.reason
    if (this.#lost === undefined || error instanceof MigrationError || sqlState(error) !== undefined) return classify(error, this.side)
    const { message } = classify(this.#lost, this.side)
    return new MigrationError('ConnectionLost', message, { side: this.side, cause: error })
  }
}
