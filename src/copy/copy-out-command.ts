import type pg from 'pg'
import type { ClientInternals } from '../postgres/client-internals.ts'
import { ReusingSocket } from '../postgres/reusing-socket.ts'
import { CopyDataFrames } from './copy-data-frames.ts'
import type { ReadFrames } from './copy-data-frames.ts'

export interface CopyOutListener {
  /** Told of each piece. A promise if its memory is needed until that resolves. */
  data(read: ReadFrames): Promise<void> | undefined
  /** No data follows; the command's result still does. */
  end(): void
  /** The session is ready for the next query. */
  ready(): void
  /** The command or the connection has failed. */
  error(error: Error): void
}

/**
 * COPY … TO STDOUT as a query of pg's client. While data comes it reads the socket itself: pg's parser, and what pg-copy-streams does
 * instead, make objects for each row, which took more CPU time than all else that a copy does in this process.
 */
export class CopyOutCommand {
  /** As COPY's result names them. */
  rows = 0
  readonly #text: string
  readonly #listener: CopyOutListener
  readonly #frames = new CopyDataFrames()
  readonly #read = (piece: Buffer): void => void this.#take(piece)
  #connection: ClientInternals['connection'] | undefined
  /** What read the socket before, as long as this does. */
  #parser: ((bytes: Buffer) => void) | undefined

  constructor(text: string, listener: CopyOutListener) {
    this.#text = text
    this.#listener = listener
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: pg.Connection): void {
    const { stream } = (this.#connection = connection as unknown as ClientInternals['connection'])
    const [parser] = stream.listeners('data') as ((bytes: Buffer) => void)[]
    if (!parser) throw new Error('nobody reads this connection')
    this.#parser = parser
    if (stream instanceof ReusingSocket) stream.taker = (piece) => this.#take(piece)
    else {
      stream.removeListener('data', parser)
      stream.on('data', this.#read)
    }
    this.#connection.query(this.#text)
  }

  pause(): void {
    this.#connection?.stream.pause()
  }

  resume(): void {
    this.#connection?.stream.resume()
  }

  #take(piece: Buffer): Promise<void> | undefined {
    const read = this.#frames.push(piece)
    const kept = read.frames.length > 0 ? this.#listener.data(read) : undefined
    if (read.end?.complete === true) this.#listener.end()
    if (read.end) this.#giveBack(read.end.rest)
    return kept
  }

  /** From here on pg reads itself. */
  #giveBack(rest: Buffer): void {
    const [stream, parser] = [this.#connection?.stream, this.#parser]
    if (!stream || !parser) return
    this.#parser = undefined
    if (stream instanceof ReusingSocket) stream.taker = undefined
    else {
      stream.removeListener('data', this.#read)
      stream.on('data', parser)
    }
    stream.resume()
    // The parser keeps what is no whole message yet.
    if (rest.length > 0) parser(Buffer.from(rest))
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.rows = rowsOf(message.text)
  }

  handleReadyForQuery(): void {
    this.#listener.ready()
  }

  handleError(error: Error): void {
    this.#giveBack(Buffer.alloc(0))
    this.#listener.error(error)
  }
}

/** Of a command tag such as "COPY 5". */
export function rowsOf(tag: string): number {
  return Number(/^COPY (\d+)/.exec(tag)?.[1] ?? 0)
}
