import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { HINTS } from '../errors/error-policy.ts'
import type { MigrationError } from '../errors/migration-error.ts'

/** A retryable failure above 4 KB loses its type on the server (TEMPORAL.md, trap 5); ours stay under 1 KB. */
const LIMIT = 900

export interface FailureOptions {
  readonly nonRetryable: boolean
  readonly retryDelayMs?: number
  readonly details?: Readonly<Record<string, unknown>>
}

/** The error as Temporal shows it: its kind as type, a short message with the hint, no stack and no cause. */
export function activityFailure(error: MigrationError, { nonRetryable, retryDelayMs, details }: FailureOptions): ApplicationFailure {
  const hint = error.hint ?? HINTS[error.kind]
  const said = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`
  const message = said.includes(hint) ? said : `${said.slice(0, LIMIT - hint.length - 1)} ${hint}`
  const failure = ApplicationFailure.create({
    type: error.kind,
    message: message.slice(0, LIMIT),
    nonRetryable,
    details: [{ side: error.side, table: error.table, sourceTable: error.sourceTable, lsn: error.lsn, ...details }],
    ...(retryDelayMs === undefined ? {} : { nextRetryDelay: Math.max(1, retryDelayMs) }),
    // An expected blip is no failure to alert on.
    ...(nonRetryable ? {} : { category: ApplicationFailureCategory.BENIGN }),
  })
  // The stack says where in pgmove it was made; it stays in the worker's log.
  failure.stack = ''
  return failure
}
