import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { pause } from '../source/retry-on-lock.ts'

const POLL_MS = 500
const PATIENCE_MS = 1000

export interface LockWatchArgs {
  readonly observer: Database
  /** The process id of the session that reads the tables. */
  readonly holder: number
  /** pg_class.oid of each. */
  readonly tables: readonly string[]
  /** Called once: with a `LockTimeout` if somebody waits, or with the error if the observer can't look any more. */
  readonly giveWay: (reason: unknown) => void
}

export interface LockWatch {
  stop(): Promise<void>
}

/**
 * Looks who waits for the exclusive lock of a table that is copied, and has the copy give way once somebody has waited for a
 * second: everything else that wants the table queues behind them.
 */
export function watchLock({ observer, holder, tables, giveWay }: LockWatchArgs): LockWatch {
  const over = new AbortController()
  const watch = async () => {
    const since = new Map<string, number>()
    // Nobody can have waited long for what was just locked: most copies of small tables end before the first look.
    await pause(POLL_MS, over.signal).catch(() => undefined)
    while (!over.signal.aborted) {
      const waiting = await waiters(observer, holder, tables)
      const now = Date.now()
      for (const pid of since.keys()) if (!waiting.includes(pid)) since.delete(pid)
      for (const pid of waiting) if (!since.has(pid)) since.set(pid, now)
      if ([...since.values()].some((first) => now - first >= PATIENCE_MS)) {
        return giveWay(
          new MigrationError('LockTimeout', 'On the source: a statement waits for the lock of a table that is copied.', { side: 'source' }),
        )
      }
      await pause(POLL_MS, over.signal).catch(() => undefined)
    }
  }
  const watching = watch().catch(giveWay)
  return {
    stop: async () => {
      over.abort()
      await watching
    },
  }
}

async function waiters(observer: Database, holder: number, tables: readonly string[]): Promise<string[]> {
  const rows = await observer.query<{ pid: string }>(
    `select w.pid from pg_locks w
      where not w.granted and w.locktype = 'relation' and w.relation = any ($1::oid[]) and w.mode = 'AccessExclusiveLock'
        and w.database = (select oid from pg_database where datname = current_database())
        and exists (select from pg_locks h where h.pid = $2::int and h.granted and h.locktype = 'relation' and h.relation = w.relation)`,
    [`{${tables.join(',')}}`, String(holder)],
  )
  return rows.map(({ pid }) => pid)
}
