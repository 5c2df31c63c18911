import type { ErrorKind, Side } from './error-kind.ts'

export type { ErrorKind, Side } from './error-kind.ts'

/** Where an error happened, as far as it is known. */
export interface ErrorPlace {
  readonly side?: Side | undefined
  /** Schema-qualified, quoted where PostgreSQL would quote it. */
  readonly table?: string | undefined
  /** The table by its name on the source, if the error is that of one: the signal `resolve` names it so. */
  readonly sourceTable?: { readonly schema: string; readonly table: string } | undefined
  /** As PostgreSQL prints it: `16/B374D848`. */
  readonly lsn?: string | undefined
  /** Replaces the hint that belongs to the kind. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * An error with a kind; the kind decides by `errorPolicy` what pgmove does. The message says what failed and where, and
 * never holds a secret or a row's values.
 */
export class MigrationError extends Error {
  readonly kind: ErrorKind
  readonly side: Side | undefined
  readonly table: string | undefined
  readonly sourceTable: { readonly schema: string; readonly table: string } | undefined
  readonly lsn: string | undefined
  readonly hint: string | undefined

  constructor(kind: ErrorKind, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause })
    this.name = 'MigrationError'
    this.kind = kind
    this.side = place.side
    this.table = place.table
    this.sourceTable = place.sourceTable
    this.lsn = place.lsn
    this.hint = place.hint
  }
}
