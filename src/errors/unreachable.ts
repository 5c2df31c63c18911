import { MigrationError } from './migration-error.ts'
import type { Side } from './migration-error.ts'

/** What ends a migration when a side's reconnect window has passed. Times as ISO 8601 prints them; `reason` is the last attempt's. */
export function unreachable(
  side: Side,
  { lostAt, deadline }: { lostAt: string; deadline: string },
  reason: string,
  cause?: unknown,
): MigrationError {
  const kind = side === 'source' ? 'SourceUnreachable' : 'TargetUnreachable'
  const text = `The ${side} has not been reachable since ${lostAt}; the reconnect window ended at ${deadline}. ${reason.slice(0, 300)}`
  return new MigrationError(kind, text, { side, cause })
}
