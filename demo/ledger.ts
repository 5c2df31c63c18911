import { closeSync, openSync, writeSync } from 'node:fs'

/** What became of a transaction, as far as its client can know. */
export type Outcome = 'acknowledged' | 'uncertain' | 'rolledBack'

/** What the application knows about its own transactions, whatever the databases say. Transactions are named `writer-number`. */
export interface Ledger {
  /** Transactions whose COMMIT the server answered, with what they did. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Transactions whose connection broke while COMMIT was under way. */
  readonly uncertain: ReadonlyMap<string, string>
  /** Transactions that were given up before their COMMIT was sent. */
  readonly rolledBack: ReadonlyMap<string, string>
}

/** Keeps the ledger outside of any database: in memory, and line by line in a file. */
export class LedgerBook implements Ledger {
  readonly acknowledged = new Map<string, string>()
  readonly uncertain = new Map<string, string>()
  readonly rolledBack = new Map<string, string>()
  readonly #descriptor: number
  #closed = false

  constructor(file: string) {
    this.#descriptor = openSync(file, 'a')
  }

  /** Notes an outcome before the client does anything else. */
  note(transaction: string, kind: string, outcome: Outcome): void {
    this[outcome].set(transaction, kind)
    writeSync(this.#descriptor, `${transaction}\t${kind}\t${outcome}\n`)
  }

  /** Closes the file; idempotent. */
  close(): void {
    if (!this.#closed) closeSync(this.#descriptor)
    this.#closed = true
  }
}
