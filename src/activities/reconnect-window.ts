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

/**
 * What follows from one more failed attempt to reach a side. The window counts from the loss. If nothing was attempted for
 * over 5 minutes, no worker ran: the window begins again, whole, while `lostAt` keeps the first loss.
 */
export function failedAttempt(previous: Outage | undefined, now: number, windowMs: number): OutageVerdict {
  const absent = previous !== undefined && now - previous.lastAttemptAt > ABSENCE_MS
  const lostAt = previous?.lostAt ?? now
  const deadline = previous === undefined || absent ? now + windowMs : previous.deadline
  return {
    outage: { lostAt, deadline, lastAttemptAt: now },
    expired: previous !== undefined && !absent && now > deadline,
    retryDelayMs: retryDelay(now - lostAt, deadline - now),
  }
}

/** Counted from the loss, not from the attempt's number, which never resets after progress. */
function retryDelay(sinceLossMs: number, leftMs: number): number {
  const wanted = sinceLossMs < 60_000 ? 1_000 : sinceLossMs < 600_000 ? 4_000 : 15_000
  return Math.max(1_000, Math.min(wanted, leftMs + 1_000))
}
