import { closeSync, mkdtempSync, openSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

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

/** Keeps the ledger outside of any database: in memory, and line by line in a file of a temporary folder. */
export class LedgerBook implements Ledger {
  readonly acknowledged = new Map<string, string>()
  readonly uncertain = new Map<string, string>()
  readonly rolledBack = new Map<string, string>()
  readonly file: string
  readonly #descriptor: number
  #closed = false

  constructor() {
    this.file = path.join(mkdtempSync(path.join(os.tmpdir(), 'pgmove-demo-')), 'ledger.tsv')
    this.#descriptor = openSync(this.file, 'a')
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

  /** Closes and removes the file with its folder. */
  async remove(): Promise<void> {
    this.close()
    await rm(path.dirname(this.file), { recursive: true, force: true })
  }
}
