import { CancelledFailure } from '@temporalio/common'
import { classify, sqlState } from '../errors/classify.ts'
import { errorPolicy } from '../errors/error-policy.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { MigrationInput } from '../workflows/migration-activities.ts'
import { activityFailure } from './activity-failure.ts'
import { ActivityRun } from './activity-run.ts'
import type { ActivityServices } from './activity-run.ts'
import { lost } from './lost-connection.ts'

const HEARTBEAT_MS = 1_000
const FENCED_RETRY_MS = 1_000

/**
 * Makes an activity: heartbeats while it runs, closes its connections however it ends, and turns its errors into failures
 * that the retry policy and the workflow understand.
 */
export function migrationActivity<I extends MigrationInput, R>(
  services: ActivityServices,
  body: (run: ActivityRun, input: I) => Promise<R>,
): (input: I) => Promise<R> {
  return async (input) => {
    const run = new ActivityRun(input, services)
    const ticker = setInterval(() => run.heartbeat(), HEARTBEAT_MS)
    run.heartbeat()
    try {
      return await body(run, input)
    } catch (error) {
      throw await failure(run, error)
    } finally {
      clearInterval(ticker)
      await run.closeAll()
      await run.outageReports.flush()
    }
  }
}

/** What the attempt fails with. A cancel goes through as it is: Temporal must see that the activity was cancelled. */
async function failure(run: ActivityRun, error: unknown): Promise<unknown> {
  const { cancellationSignal } = run.context
  if (cancellationSignal.aborted) {
    return cancellationSignal.reason instanceof CancelledFailure ? cancellationSignal.reason : new CancelledFailure('CANCELLED')
  }
  const cause = run.failure ?? error
  if (cause instanceof CancelledFailure) return cause
  const named = cause instanceof MigrationError ? cause : unexpected(cause)
  const { kind, side, lsn, sourceTable, message: reason } = named
  const table = sourceTable ? `${sourceTable.schema}.${sourceTable.table}` : named.table
  run.log('warn', 'attempt failed', { kind, side, table, lsn, reason })
  if (named.kind === 'Internal' && error instanceof Error) run.log('error', 'unexpected error', { stack: innermostStack(error) })
  if (named.kind === 'ConnectionLost' && named.side) return (await lost(run, named, named.side)).failure
  if (errorPolicy(named.kind) === 'retry') return activityFailure(named, { nonRetryable: false, retryDelayMs: FENCED_RETRY_MS })
  return activityFailure(named, { nonRetryable: true })
}

/** An error that nobody has classified. A server's own message can quote a value, so it goes through `classify` first. */
function unexpected(error: unknown): MigrationError {
  if (sqlState(error) !== undefined) return classify(error, 'target')
  return new MigrationError('Internal', `pgmove failed: ${message(error)}`, { cause: error })
}

function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300)
}

function innermostStack(error: Error): string {
  let deepest = error
  while (deepest.cause instanceof Error) deepest = deepest.cause
  return (deepest.stack ?? deepest.message).slice(0, 2000)
}
