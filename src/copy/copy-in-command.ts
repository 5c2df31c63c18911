import type { Duplex } from 'node:stream'
import type pg from 'pg'
import type { ClientInternals } from '../postgres/client-internals.ts'
import { rowsOf } from './copy-out-command.ts'

/** CopyDone: a type and a length. */
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4])

export interface CopyInListener {
  /** The session is ready for the next query. */
  ready(): void
  /** The command or the connection has failed. */
  error(error: Error): void
}

/** COPY … FROM STDIN as a query of pg's client that takes whole CopyData messages. */
export class CopyInCommand {
  /** As COPY's result names them. */
  rows = 0
  readonly #text: string
  readonly #listener: CopyInListener
  #connection: ClientInternals['connection'] | undefined
  #open = false
  /** What was to be written before the server was ready for it. */
  #waiting: (() => void)[] = []

  constructor(text: string, listener: CopyInListener) {
    this.#text = text
    this.#listener = listener
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: pg.Connection): void {
    this.#connection = connection as unknown as ClientInternals['connection']
    this.#connection.query(this.#text)
  }

  /** Writes whole CopyData messages. A promise if the system can't take them all now; it stays pending if the connection ends. */
  write(frames: readonly Buffer[]): Promise<void> | undefined {
    const stream = this.#open ? this.#stream : undefined
    if (!stream?.writable) return new Promise((resolve) => this.#waiting.push(() => resolve(this.write(frames))))
    const last = frames.length - 1
    if (last > 0) stream.cork()
    let resolve = (): void => undefined
    for (const [at, frame] of frames.entries()) {
      if (at < last) stream.write(frame)
      else stream.write(frame, () => resolve())
    }
    if (last > 0) stream.uncork()
    return stream.writableLength === 0 ? undefined : new Promise((done) => (resolve = done))
  }

  /** Ends the command as complete. */
  end(): void {
    this.#whenOpen(() => this.#stream?.write(COPY_DONE))
  }

  /** Ends the command as failed: the server answers with an error. */
  fail(reason: string): void {
    this.#waiting = []
    this.#whenOpen(() => this.#connection?.sendCopyFail(reason))
  }

  get #stream(): Duplex | undefined {
    return this.#connection?.stream
  }

  #whenOpen(act: () => void): void {
    if (this.#open) act()
    else this.#waiting.push(act)
  }

  handleCopyInResponse(): void {
    this.#open = true
    for (const act of this.#waiting.splice(0)) act()
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.rows = rowsOf(message.text)
  }

  handleReadyForQuery(): void {
    this.#listener.ready()
  }

  handleError(error: Error): void {
    this.#listener.error(error)
  }
}
