import { classify } from '../errors/classify.ts'
import type { Side } from '../errors/migration-error.ts'
import { cancelRequest } from '../postgres/cancel-request.ts'
import { destroy, internals } from '../postgres/client-internals.ts'
import type { Database } from '../postgres/connect.ts'
import type { ReadFrames } from './copy-data-frames.ts'
import { CopyInCommand } from './copy-in-command.ts'
import { CopyOutCommand } from './copy-out-command.ts'

export interface PipeCopyArgs {
  readonly source: Database
  readonly target: Database
  /** COPY … TO STDOUT, run on the source. */
  readonly from: string
  /** COPY … FROM STDIN, run on the target. */
  readonly to: string
  /** Its abort ends both commands and fails with its reason; the sessions stay usable. */
  readonly stop: AbortSignal
  /** Told of every piece before it goes to the target: bytes of COPY's data, and how many of the source's messages began in it, one a row. */
  readonly onPiece: (bytes: number, messages: number) => void
  /** A promise holds the pipe back until it resolves. */
  readonly gate: () => Promise<void> | undefined
}

export interface PipedRows {
  readonly sent: number
  readonly taken: number
}

const PATIENCE_MS = 10_000

/**
 * Moves COPY's bytes from one session to the other, unparsed, one piece at a time. However it ends, both sessions are brought to
 * ReadyForQuery, so that they can be used for the next table.
 */
export function pipeCopy(args: PipeCopyArgs): Promise<PipedRows> {
  return new CopyPipe(args).run()
}

class CopyPipe {
  readonly #args: PipeCopyArgs
  readonly #out: CopyOutCommand
  readonly #into: CopyInCommand
  readonly #open = new Set<Side>(['source', 'target'])
  #failure: { readonly error: unknown } | undefined
  #cancelled: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #holding: Promise<void> | undefined
  #settle: () => void = () => undefined

  constructor(args: PipeCopyArgs) {
    this.#args = args
    this.#out = new CopyOutCommand(args.from, {
      data: (read) => this.#forward(read),
      end: () => this.#ended(),
      // The end of the data comes before COPY's own result, with the number of rows.
      ready: () => this.#over('source'),
      error: (error) => {
        this.#fail(error, 'source')
        this.#over('source')
      },
    })
    this.#into = new CopyInCommand(args.to, {
      ready: () => this.#over('target'),
      error: (error) => {
        this.#fail(error, 'target')
        this.#over('target')
      },
    })
  }

  async run(): Promise<PipedRows> {
    const { source, target, stop } = this.#args
    stop.throwIfAborted()
    const settled = new Promise<void>((resolve) => (this.#settle = resolve))
    const onStop = () => this.#fail(stop.reason)
    stop.addEventListener('abort', onStop, { once: true })
    source.client.query(this.#out)
    target.client.query(this.#into)
    await settled
    await this.#cancelled
    clearTimeout(this.#timer)
    stop.removeEventListener('abort', onStop)
    if (this.#failure) throw this.#failure.error
    return { sent: this.#out.rows, taken: this.#into.rows }
  }

  /** Nothing more is read until this piece has left the process and the gate lets the next one in. */
  #forward({ frames, bytes, messages }: ReadFrames): Promise<void> | undefined {
    if (this.#failure) return undefined
    this.#args.onPiece(bytes, messages)
    const written = this.#into.write(frames)
    const held = this.#args.gate()
    // Asking may have brought an abort.
    if (!this.#failure && (written || held)) {
      this.#out.pause()
      this.#holding = Promise.all([written, held]).then(
        () => {
          this.#holding = undefined
          if (!this.#failure) this.#out.resume()
        },
        (error: unknown) => this.#fail(error),
      )
    }
    return written
  }

  /** The last piece is held like any other: else small tables would pass whatever the limit. */
  #ended(): void {
    if (this.#failure) return
    if (this.#holding) void this.#holding.then(() => this.#ended())
    else this.#into.end()
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
    if (this.#open.has('target') && side !== 'target') this.#into.fail('the copy was given up')
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
