import type { ConnectionStatus } from '../workflows/status.ts'

/** A side's lost connection. Times are milliseconds since 1970, by the worker's clock. */
export interface Outage {
  /** First failure after the last success. */
  readonly lostAt: number
  /** When the reconnect window ends. */
  readonly deadline: number
  readonly lastAttemptAt: number
}

export interface OutageVerdict {
  readonly outage: Outage
  /** The window has passed: the migration ends. */
  readonly expired: boolean
  /** Delay until the next attempt. Never 0: a delay of 0 ends the retries (TEMPORAL.md, trap 4). */
  readonly retryDelayMs: number
}

/** A gap between attempts after which the hours without a worker are not held against the server. */
export const ABSENCE_MS = 5 * 60_000

export interface WindowRule {
  /** The reconnect window. */
  readonly windowMs: number
  /** A longer gap between two attempts means that no worker ran. Default: ABSENCE_MS. */
  readonly absenceMs?: number | undefined
}

/**
 * What follows from one more failed attempt to reach a side. The window counts from the loss. If nothing was attempted for
 * longer than `absenceMs`, no worker ran: the window begins again, whole, while `lostAt` keeps the first loss.
 */
export function failedAttempt(previous: Outage | undefined, now: number, { windowMs, absenceMs = ABSENCE_MS }: WindowRule): OutageVerdict {
  const absent = previous !== undefined && now - previous.lastAttemptAt > absenceMs
  const lostAt = previous?.lostAt ?? now
  const deadline = previous === undefined || absent ? now + windowMs : previous.deadline
  return {
    outage: { lostAt, deadline, lastAttemptAt: now },
    expired: previous !== undefined && !absent && now > deadline,
    retryDelayMs: retryDelay(now - lostAt, deadline - now),
  }
}

/**
 * The outage that the workflow shows, for an attempt whose own memory of it is lost or that has only begun: a new activity, a
 * pause or a dead worker must not move the deadline. One whose deadline has passed counts as an absence: nobody can show that
 * attempts were made.
 */
export function shownOutage(shown: ConnectionStatus | undefined, now: number): Outage | undefined {
  if (shown?.state !== 'reconnecting') return undefined
  const lostAt = Date.parse(shown.lostAt ?? '')
  const deadline = Date.parse(shown.deadline ?? '')
  if (Number.isNaN(lostAt) || Number.isNaN(deadline)) return undefined
  return { lostAt, deadline, lastAttemptAt: now <= deadline ? now : Number.NEGATIVE_INFINITY }
}

/** Counted from the loss, not from the attempt's number, which never resets after progress. */
function retryDelay(sinceLossMs: number, leftMs: number): number {
  const wanted = sinceLossMs < 60_000 ? 1_000 : sinceLossMs < 600_000 ? 4_000 : 15_000
  return Math.max(1_000, Math.min(wanted, leftMs + 1_000))
}
