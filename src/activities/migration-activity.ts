import { CancelledFailure } from '@temporalio/common'
import { classify, sqlState } from '../errors/classify.ts'
import { errorPolicy } from '../errors/error-policy.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import type { MigrationInput } from '../workflows/migration-activities.ts'
import { unreachable } from '../errors/unreachable.ts'
import { activityFailure } from './activity-failure.ts'
import { ActivityRun } from './activity-run.ts'
import type { ActivityServices } from './activity-run.ts'
import { connectionPace } from './connection-pace.ts'
import { failedAttempt, shownOutage } from './reconnect-window.ts'

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
  run.context.log.warn('attempt failed', { kind: named.kind, side: named.side, table: named.table, lsn: named.lsn, reason: named.message })
  if (named.kind === 'Internal' && error instanceof Error) run.context.log.error('unexpected error', { stack: innermostStack(error) })
  if (named.kind === 'ConnectionLost' && named.side) return lost(run, named, named.side)
  if (errorPolicy(named.kind) === 'retry') return activityFailure(named, { nonRetryable: false, retryDelayMs: FENCED_RETRY_MS })
  return activityFailure(named, { nonRetryable: true })
}

/** An error that nobody has classified. A server's own message can quote a value, so it goes through `classify` first. */
function unexpected(error: unknown): MigrationError {
  if (sqlState(error) !== undefined) return classify(error, 'target')
  return new MigrationError('Internal', `pgmove failed: ${message(error)}`, { cause: error })
}

async function lost(run: ActivityRun, error: MigrationError, side: Side): Promise<Error> {
  const windowMs = run.spec.reconnectWindowMs
  const now = run.services.now()
  const pace = connectionPace(run.id, side)
  pace.lost()
  const [shown, workers] = await Promise.all([run.shownStatus(), run.workers()])
  if (workers !== undefined) pace.shareAmong(workers)
  const known = run.outages[side] ?? shownOutage(shown?.connection[side], now)
  const { outage, expired, retryDelayMs } = failedAttempt(known, now, { windowMs, absenceMs: run.services.absenceMs })
  run.outages = { ...run.outages, [side]: outage }
  run.heartbeat()
  const lostAt = new Date(outage.lostAt).toISOString()
  const deadline = new Date(outage.deadline).toISOString()
  const details = { lostAt, deadline, attempt: run.context.info.attempt, progress: run.progress }
  if (expired) {
    return activityFailure(unreachable(side, { lostAt, deadline }, error.message, error), { nonRetryable: true, details })
  }
  await run.outageReports.lost(side, outage, shown)
  const hint = `Lost at ${lostAt}; pgmove tries again by itself until ${deadline}.`
  const told = new MigrationError(error.kind, error.message, { side, hint, cause: error })
  return activityFailure(told, { nonRetryable: false, retryDelayMs, details })
}

function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 300)
}

function innermostStack(error: Error): string {
  let deepest = error
  while (deepest.cause instanceof Error) deepest = deepest.cause
  return (deepest.stack ?? deepest.message).slice(0, 2000)
}
