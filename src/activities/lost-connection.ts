import type { ApplicationFailure } from '@temporalio/common'
import { MigrationError } from '../errors/migration-error.ts'
import type { Side } from '../errors/migration-error.ts'
import { unreachable } from '../errors/unreachable.ts'
import { activityFailure } from './activity-failure.ts'
import type { ActivityRun } from './activity-run.ts'
import { connectionPace } from './connection-pace.ts'
import { failedAttempt, shownOutage } from './reconnect-window.ts'

export interface LostConnection {
  /** What an attempt fails with that ends here. */
  readonly failure: ApplicationFailure
  /** The reconnect window has passed. */
  readonly expired: boolean
  readonly retryDelayMs: number
}

/** Counts a lost connection, or one that can't be had, within the reconnect window, and tells the workflow of the outage. */
export async function lost(run: ActivityRun, error: MigrationError, side: Side): Promise<LostConnection> {
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
    const ended = unreachable(side, { lostAt, deadline }, error.message, error)
    return { failure: activityFailure(ended, { nonRetryable: true, details }), expired, retryDelayMs }
  }
  await run.outageReports.lost(side, outage, shown)
  const hint = `Lost at ${lostAt}; pgmove tries again by itself until ${deadline}.`
  const told = new MigrationError(error.kind, error.message, { side, hint, cause: error })
  return { failure: activityFailure(told, { nonRetryable: false, retryDelayMs, details }), expired, retryDelayMs }
}
