import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { rowsOf } from '../copy/copy-out-command.ts'
import type { Database } from '../postgres/connect.ts'

const COPY_DATA = 0x64
/** CopyDone: a type and a length. */
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4])

/**
 * COPY … FROM STDIN of what is at hand as a whole: the data follows the command at once, without a wait for the server's leave. A server that
 * refuses the command passes over them (PostgreSQL documentation, "COPY Operations"). Returns how many rows it took.
 *
 * @param chunks rows as the command's format has them, cut anywhere
 */
export function copyRows({ client }: Database, text: string, chunks: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    client.query(new CopyRowsCommand(text, chunks, resolve, reject))
  })
}

/** A query of pg's client. */
class CopyRowsCommand {
  readonly #text: string
  readonly #chunks: readonly Buffer[]
  readonly #done: (rows: number) => void
  readonly #failed: (error: Error) => void
  #rows = 0

  constructor(text: string, chunks: readonly Buffer[], done: (rows: number) => void, failed: (error: Error) => void) {
    this.#text = text
    this.#chunks = chunks
    this.#done = done
    this.#failed = failed
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: pg.Connection): void {
    const to = connection as unknown as { readonly stream: Duplex; query(text: string): void }
    to.stream.cork()
    to.query(this.#text)
    for (const chunk of this.#chunks) {
      const header = Buffer.alloc(5, COPY_DATA)
      header.writeInt32BE(4 + chunk.length, 1)
      to.stream.write(header)
      to.stream.write(chunk)
    }
    to.stream.write(COPY_DONE)
    to.stream.uncork()
  }

  handleCopyInResponse(): void {
    // The data are on their way.
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = rowsOf(text)
  }

  handleReadyForQuery(): void {
    this.#done(this.#rows)
  }

  handleError(error: Error): void {
    this.#failed(error)
  }
}
