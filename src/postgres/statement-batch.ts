import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type pg from 'pg'

/** A parameter: text, or bytes in its type's binary format. */
export type BatchValue = string | Buffer | null

/** A statement of a batch. Its rows, if it returns any, are counted only. */
export interface BatchStatement {
  readonly text: string
  /** Under which it is prepared. Default: parsed anew each time. */
  readonly name?: string | undefined
  readonly values: readonly BatchValue[]
}

/** What a batch came to. */
export interface BatchResult {
  /** How many rows each statement affected or returned, of those that the server completed. */
  readonly rows: readonly number[]
  /** Why the statement behind them failed, as pg has it; the server has passed over the rest. */
  readonly error: unknown
}

/** What a batch uses of pg's Connection (pg 8.23.1, lib/connection.js). */
interface BatchConnection extends EventEmitter {
  readonly stream: Duplex
  readonly parsedStatements: Record<string, string>
  parse(statement: { text: string; name: string | undefined }): void
  execute(portal: { portal: string }): void
  sync(): void
}

/**
 * Sends several statements at once and waits once for all their answers (PostgreSQL documentation, "Pipelining" of the extended query
 * protocol): a round trip for each would cost more than most of them. After the first that fails the server does none. Never rejects.
 */
export function runStatements(client: pg.Client, statements: readonly BatchStatement[]): Promise<BatchResult> {
  return new Promise((resolve) => {
    client.query(new StatementBatch(statements, resolve))
  })
}

/** A query of pg's client that is several statements, with one Sync behind them. */
class StatementBatch {
  readonly #statements: readonly BatchStatement[]
  readonly #done: (result: BatchResult) => void
  readonly #rows: number[] = []
  /** Those that the server was asked to parse and has not answered yet. */
  readonly #parsing: BatchStatement[] = []
  #connection: BatchConnection | undefined

  constructor(statements: readonly BatchStatement[], done: (result: BatchResult) => void) {
    this.#statements = statements
    this.#done = done
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: pg.Connection): void {
    const to = connection as unknown as BatchConnection
    this.#connection = to
    to.on('parseComplete', this.#onParsed)
    to.stream.cork()
    const known = new Set<string>()
    for (const statement of this.#statements) {
      const { text, name } = statement
      if (name === undefined || (to.parsedStatements[name] === undefined && !known.has(name))) {
        to.parse({ text, name })
        this.#parsing.push(statement)
        if (name !== undefined) known.add(name)
      }
      for (const part of bindMessage(statement)) to.stream.write(part)
      to.execute({ portal: '' })
    }
    to.sync()
    to.stream.uncork()
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows.push(Number(/ (\d+)$/.exec(text)?.[1] ?? 0))
  }

  handleDataRow(): void {
    // The command's tag has their number.
  }

  handleReadyForQuery(): void {
    this.#end(undefined)
  }

  handleError(error: unknown): void {
    this.#end(error)
  }

  #end(error: unknown): void {
    this.#connection?.off('parseComplete', this.#onParsed)
    this.#done({ rows: this.#rows, error })
  }

  /** Answers come in the order of the statements. What is parsed stays so, also if its transaction fails. */
  readonly #onParsed = (): void => {
    const { name, text } = this.#parsing.shift() ?? {}
    if (name !== undefined && text !== undefined && this.#connection) this.#connection.parsedStatements[name] = text
  }
}

/**
 * A Bind message in pieces (PostgreSQL documentation, "Message Formats"): pg's own would copy values of megabytes once more.
 */
function bindMessage({ name = '', values }: BatchStatement): Buffer[] {
  const parameters = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value))
  const bytes = parameters.reduce((sum, parameter) => sum + 4 + (parameter?.length ?? 0), 0)
  const statement = Buffer.from(name)
  const head = Buffer.alloc(5 + 1 + statement.length + 1 + 2 + 2 * values.length + 2)
  head.write('B', 0, 'latin1')
  // Its length counts itself, and what comes behind the head.
  head.writeInt32BE(head.length - 1 + bytes + 2, 1)
  // Behind the type and the length stands the portal's name, which is empty.
  let at = 6
  head.set(statement, at)
  at += statement.length + 1
  at = head.writeInt16BE(values.length, at)
  for (const value of values) at = head.writeInt16BE(Buffer.isBuffer(value) ? 1 : 0, at)
  head.writeInt16BE(values.length, at)
  const parts: Buffer[] = [head]
  for (const parameter of parameters) {
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(parameter?.length ?? -1)
    parts.push(length)
    if (parameter) parts.push(parameter)
  }
  // No result format: all as text.
  parts.push(Buffer.from([0, 0]))
  return parts
}
