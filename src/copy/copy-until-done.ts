import { MigrationError } from '../errors/migration-error.ts'
import { qualified } from '../postgres/quote.ts'
import { pause } from '../source/retry-on-lock.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { CopiedTable } from './copy-record.ts'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
export const EARLIER_ENDED = 'an earlier attempt ended before its copy was recorded'
const GAVE_WAY = 'a statement on the source waited for its lock'

/**
 * Makes attempts until one copies the table: one that gave way to a statement of the application is followed by another, after a
 * growing pause. Other errors name the table. `attempt` is told why the one before it counts no longer.
 */
export async function copyUntilDone(
  table: MigratedTable,
  signal: AbortSignal,
  firstReason: string,
  attempt: (why: string) => Promise<CopiedTable | undefined>,
): Promise<CopiedTable> {
  let why = firstReason
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const copied = await attempt(why)
      if (copied) return copied
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MigrationError)) throw error
      if (error.kind !== 'LockTimeout') throw named(error, table)
    }
    why = GAVE_WAY
    await pause(pauseMs, signal)
  }
}

/** The error with the name of the table whose copy failed. */
function named(error: MigrationError, { sourceSchema, sourceTable }: MigratedTable): MigrationError {
  if (error.sourceTable !== undefined || error.kind === 'ConnectionLost') return error
  const { kind, side, table, lsn, hint, message } = error
  const label = qualified(sourceSchema, sourceTable)
  return new MigrationError(
    kind,
    table === undefined ? `${message}${message.endsWith('.') ? '' : '.'} Table ${label} is copied again from its start.` : message,
    {
      side,
      table: table ?? label,
      sourceTable: { schema: sourceSchema, table: sourceTable },
      lsn,
      hint,
      cause: error,
    },
  )
}
