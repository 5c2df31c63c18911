import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { CopyToStreamQuery } from 'pg-copy-streams'
import { classify } from '../errors/classify.ts'
import type { Side } from '../errors/migration-error.ts'
import { cancelRequest } from '../postgres/cancel-request.ts'
import { destroy, internals } from '../postgres/client-internals.ts'
import type { Database } from '../postgres/connect.ts'

export interface PipeCopyArgs {
  readonly source: Database
  readonly target: Database
  /** COPY … TO STDOUT, run on the source. */
  readonly from: string
  /** COPY … FROM STDIN, run on the target. */
  readonly to: string
  /** Its abort ends both commands and fails with its reason; the sessions stay usable. */
  readonly stop: AbortSignal
  /** Told of every piece, a whole number of messages, before it goes to the target. */
  readonly onChunk: (chunk: Buffer) => void
  /** A promise holds the pipe back until it resolves. */
  readonly gate: () => Promise<void> | undefined
}

export interface PipedRows {
  readonly sent: number
  readonly taken: number
}

const BUFFERED_BYTES = 256 * 1024
const PATIENCE_MS = 10_000

/**
 * Moves COPY's bytes from one session to the other, unparsed, one piece at a time. Not stream.pipeline: it destroys a stream
 * in the middle of the protocol, and the session would be lost with it; here both ends are brought to ReadyForQuery.
 */
export function pipeCopy(args: PipeCopyArgs): Promise<PipedRows> {
  return new CopyPipe(args).run()
}

class CopyPipe {
  readonly #args: PipeCopyArgs
  readonly #out: CopyToStreamQuery
  readonly #into: ReturnType<typeof copyFrom>
  readonly #open = new Set<Side>(['source', 'target'])
  #failure: { readonly error: unknown } | undefined
  #cancelled: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #settle: () => void = () => undefined

  constructor(args: PipeCopyArgs) {
    this.#args = args
    this.#out = copyTo(args.from, { highWaterMark: BUFFERED_BYTES })
    this.#into = copyFrom(args.to)
  }

  async run(): Promise<PipedRows> {
    const { source, target, stop } = this.#args
    stop.throwIfAborted()
    const settled = new Promise<void>((resolve) => (this.#settle = resolve))
    const onStop = () => this.#fail(stop.reason)
    stop.addEventListener('abort', onStop, { once: true })
    this.#listen()
    source.client.query(this.#out)
    target.client.query(this.#into)
    await settled
    await this.#cancelled
    clearTimeout(this.#timer)
    stop.removeEventListener('abort', onStop)
    if (this.#failure) throw this.#failure.error
    return { sent: this.#out.rowCount, taken: this.#into.rowCount }
  }

  #listen(): void {
    const out = this.#out
    out.on('data', (chunk: Buffer) => this.#forward(chunk))
    out.on('end', () => {
      if (!this.#failure) this.#into.end()
    })
    out.on('error', (error) => {
      this.#fail(error, 'source')
      this.#over('source')
    })
    // The end of the data comes before COPY's own result, with the number of rows.
    ;(out as unknown as { handleReadyForQuery: () => void }).handleReadyForQuery = () => this.#over('source')
    this.#into.on('finish', () => this.#over('target'))
    this.#into.on('close', () => this.#over('target'))
    this.#into.on('error', (error) => {
      this.#fail(error, 'target')
      this.#over('target')
    })
  }

  /** One piece is under way at a time: pg-copy-streams loses track of several if its command fails. */
  #forward(chunk: Buffer): void {
    if (this.#failure) return
    this.#args.onChunk(chunk)
    this.#out.pause()
    this.#into.write(chunk, () => {
      if (this.#failure) return
      const held = this.#args.gate()
      if (!held) this.#out.resume()
      else
        held.then(
          () => this.#out.resume(),
          (error: unknown) => this.#fail(error),
        )
    })
  }

  /** The first failure counts; what follows is its consequence. Whatever still runs is brought to its end. */
  #fail(error: unknown, side?: Side): void {
    if (this.#failure) return
    const { source, target, stop } = this.#args
    this.#failure = { error: stop.aborted ? (stop.reason as unknown) : side ? classify(error, side) : error }
    const { processID, secretKey } = internals(source.client)
    if (this.#open.has('source') && side !== 'source') {
      // A server that waits for its client to read does not look at cancel requests.
      this.#out.resume()
      if (processID !== null && secretKey !== null) this.#cancelled = cancelRequest(source.endpoint, processID, secretKey)
    }
    if (this.#open.has('target') && side !== 'target') this.#into.destroy(new Error('the copy was given up'))
    this.#timer = setTimeout(() => {
      if (this.#open.has('source')) destroy(source.client)
      if (this.#open.has('target')) destroy(target.client)
    }, PATIENCE_MS)
  }

  #over(side: Side): void {
    this.#open.delete(side)
    if (this.#open.size === 0) this.#settle()
  }
}
