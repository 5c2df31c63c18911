import { ENDING_KINDS, RETRIED_KINDS, RETURNING_KINDS } from './error-kind.ts'
import type { ErrorKind } from './error-kind.ts'

/**
 * What happens on an error: `retry` by the activity's retry policy, `wait` for the operator, `return` from cutover to
 * incremental replication, or `end` the migration.
 */
export type ErrorPolicy = 'retry' | 'wait' | 'return' | 'end'

const members = (kinds: readonly string[]): ReadonlySet<string> => new Set(kinds)
const ending = members(ENDING_KINDS)
const retried = members(RETRIED_KINDS)
const returning = members(RETURNING_KINDS)

/** The one policy. Whatever is not known waits for the operator: nothing is lost by waiting. */
export function errorPolicy(kind: string): ErrorPolicy {
  if (ending.has(kind)) return 'end'
  if (retried.has(kind)) return 'retry'
  if (returning.has(kind)) return 'return'
  return 'wait'
}

/** What the operator can do, shown with the error. */
export const HINTS: Readonly<Record<ErrorKind, string>> = {
  InvalidSpec: 'Correct the spec and start the migration again.',
  PrecheckFailed: 'Correct the failed items and start the migration again.',
  SourceUnreachable: 'Bring the source back and start the migration again with "existing": "replace".',
  TargetUnreachable: 'Bring the target back and start the migration again with "existing": "replace".',
  SlotLost: 'Raise max_slot_wal_keep_size on the source and start the migration again with "existing": "replace".',
  SlotReplaced: 'Start the migration again with "existing": "replace".',
  SourceReplaced: 'Start the migration again from the new source with "existing": "replace".',
  AuthenticationFailed: "Correct the credentials in the worker's environment or pg_hba.conf, then send the signal resume.",
  InsufficientPrivilege: 'Grant the missing right to the role, then send the signal resume.',
  DatabaseMissing: 'Create the database or correct the URL, then send the signal resume.',
  OutOfResources: 'Free disk, memory or connections on the server, then send the signal resume.',
  SchemaMismatch: 'Make the definitions equal on both sides, then send the signal resume.',
  UnsupportedDdl: 'Make the same change on the target by hand, then send the signal resume.',
  TargetDiverged: 'Put the row on the target back as pgmove left it, then send the signal resume.',
  RejectedByTarget: 'Remove what makes the target refuse the change, then send the signal resume.',
  Internal: 'Look at the log of the worker, remove the cause, then send the signal resume.',
  FenceLeaked: 'Stop the application that still writes to the source, then send the signal cutover again.',
  ValidationFailed: 'Look at the differences, then send the signal cutover again or cancel the migration.',
  ConnectionLost: 'Nothing to do: pgmove tries again within the reconnect window.',
  Fenced: 'Nothing to do: another attempt has taken over.',
  LockTimeout: 'Nothing to do: pgmove tries again.',
}
