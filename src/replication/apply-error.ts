import { classify, sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { ErrorKind } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'
import type { BoundRelation } from './bound-relation.ts'

/** What was applied when it failed. */
export interface AppliedChange {
  /** For example `INSERT`. */
  readonly what: string
  /** The target's table, quoted and qualified; undefined if it is not known. */
  readonly table: string | undefined
  /** Undefined if it is no change of rows. */
  readonly bound?: BoundRelation | undefined
  readonly commitLsn: bigint
}

const MENDING: Partial<Record<ErrorKind, string>> = {
  RejectedByTarget: 'Remove what makes the target refuse it, then send the signal resume.',
  SchemaMismatch: 'Make the definitions equal on both sides, then send the signal resume.',
}

/**
 * The failure of a statement that applies changes: what the target refused, with its place. Errors that say nothing about
 * the change, such as a lost connection, stay as they are. Never holds the server's own message, which may quote values.
 */
export function applyError(error: unknown, change: AppliedChange): MigrationError {
  const known = classify(error, 'target')
  const state = sqlState(error)
  const kind = state === undefined ? undefined : refusal(known.kind, state)
  if (kind === undefined) return known
  if (state === UNIQUE_VIOLATION && isOfKey(error, change.bound)) return rowIsThere(change, error)
  const { commitLsn } = change
  const table = change.table ?? tableOf(error)
  const lsn = formatLsn(commitLsn)
  const reason = /^2[23]/.test(state ?? '') ? `${known.message.replace(/^On the target: /, '')}` : `it was refused (SQLSTATE ${state})`
  const text =
    `On the target: ${change.what}${table === undefined ? '' : ` of ${table}`}${keyOf(change)}, by the source transaction that committed at ${lsn}: ${reason}. ` +
    `${NOTHING_APPLIED} ${MENDING[kind] ?? ''}`
  return new MigrationError(kind, text, { side: 'target', table, lsn, cause: error })
}

const NOTHING_APPLIED = 'Nothing of that transaction was applied; pgmove waits.'
const UNIQUE_VIOLATION = '23505'

/** A change that did not find exactly the rows that it must find. */
export function diverged(change: AppliedChange, found: number, expected: number): MigrationError {
  if (change.what === 'INSERT' && expected === 0) return rowIsThere(change)
  const { what, table, commitLsn } = change
  const lsn = formatLsn(commitLsn)
  const text =
    `On the target: ${what} of ${table}${keyOf(change)} found ${found} of the ${expected} rows that the source transaction that committed at ${lsn} changed. ` +
    `${NOTHING_APPLIED} Put the row back as pgmove left it, then send the signal resume.`
  return new MigrationError('TargetDiverged', text, { side: 'target', table, lsn })
}

/** The source keeps rows apart by the same key, so that the row which is in the way isn't the source's. */
function rowIsThere(change: AppliedChange, cause?: unknown): MigrationError {
  const { what, table, commitLsn } = change
  const lsn = formatLsn(commitLsn)
  const text =
    `On the target: ${what} of ${table}${keyOf(change)}, by the source transaction that committed at ${lsn}: a row with the same key is there already. ` +
    `${NOTHING_APPLIED} Remove the row that pgmove did not write, then send the signal resume.`
  const hint = 'Remove the row that pgmove did not write, then send the signal resume.'
  return new MigrationError('TargetDiverged', text, { side: 'target', table, lsn, hint, cause })
}

function keyOf({ bound }: AppliedChange): string {
  if (!bound) return ''
  return bound.key.length === 0 ? ' (no key)' : ` (key: ${bound.key.map(({ name }) => name).join(', ')})`
}

/** Whether the constraint is over the columns by which the source names rows; under FULL it may be the target's alone. */
function isOfKey(error: unknown, bound: BoundRelation | undefined): boolean {
  if (!bound || bound.relation.replicaIdentity === 'f') return false
  const { constraint } = serverFields(error)
  const columns = bound.target.indexes.find(({ name }) => name === constraint)?.columns
  return columns?.length === bound.key.length && columns.every(({ name }) => bound.key.some((key) => key.name === name))
}

interface ServerFields {
  readonly schema?: string
  readonly table?: string
  readonly constraint?: string
}

function serverFields(error: unknown): ServerFields {
  let innermost = error
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause
  return innermost as ServerFields
}

/** The table that the server names with a violated constraint. */
function tableOf(error: unknown): string | undefined {
  const { schema, table } = serverFields(error)
  return schema !== undefined && table !== undefined ? qualified(schema, table) : undefined
}

/** Classes of SQLSTATE that speak of the statement and not of the server's or the session's state. */
const OF_THE_STATEMENT = /^(09|0A|21|27|2F|38|39|42|44|54|P0)/

function refusal(kind: ErrorKind, state: string): ErrorKind | undefined {
  if (kind === 'RejectedByTarget') return kind
  if (kind !== 'Internal' || !OF_THE_STATEMENT.test(state)) return undefined
  // No such table, no such column.
  return state === '42P01' || state === '42703' ? 'SchemaMismatch' : 'RejectedByTarget'
}

/** Kinds that one change causes, so that a group that fails with one is applied again change by change. */
const OF_A_CHANGE: ReadonlySet<ErrorKind> = new Set(['RejectedByTarget', 'TargetDiverged', 'UnsupportedDdl', 'SchemaMismatch', 'Internal'])

/** A group of several changes failed: which of them is known only once they are applied one by one. */
export class ApplyGroupError extends MigrationError {
  /** Commit LSN of the group's last source transaction. */
  readonly upTo: bigint

  constructor(error: MigrationError, upTo: bigint) {
    super(error.kind, error.message, { ...error, cause: error })
    this.upTo = upTo
  }

  /** `error`, or what stands for it if a change caused it. */
  static of(error: unknown, upTo: bigint): unknown {
    return error instanceof MigrationError && OF_A_CHANGE.has(error.kind) ? new ApplyGroupError(error, upTo) : error
  }
}
