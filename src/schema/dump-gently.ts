import { setTimeout as delay } from 'node:timers/promises'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { ArchiveToc } from './archive-toc.ts'
import { runPgDump } from './run-pg-dump.ts'
import type { DumpOptions } from './run-pg-dump.ts'

const ATTEMPTS = 20
const PAUSE_MS = 1000
const WATCH_MS = 400
/** How long a statement of the application may wait behind the dump's locks (contract §3). */
const GIVE_WAY_MS = 1000

/**
 * Runs pg_dump so that it never holds up the application: a table that stays locked is tried again later, and when a statement
 * that needs a table for itself has waited for a second behind the dump, the dump is broken off and begun again.
 *
 * @throws MigrationError `LockTimeout` after many attempts
 */
export async function dumpGently(options: DumpOptions): Promise<ArchiveToc> {
  for (let attempt = 1; ; attempt++) {
    const watch = new AbortController()
    const over = new AbortController()
    const watching = watchWaiters(options, watch, over.signal)
    try {
      return await runPgDump({ ...options, signal: AbortSignal.any([options.signal, watch.signal]) })
    } catch (error) {
      options.signal.throwIfAborted()
      if (!(error instanceof MigrationError) || error.kind !== 'LockTimeout' || attempt === ATTEMPTS) throw error
    } finally {
      over.abort()
      await watching
    }
    await delay(PAUSE_MS, undefined, { signal: options.signal })
  }
}

/** Aborts `watch` once somebody has waited too long for an ACCESS EXCLUSIVE lock that the dump's ACCESS SHARE lock keeps from them. */
async function watchWaiters({ database, applicationName, signal }: DumpOptions, watch: AbortController, over: AbortSignal): Promise<void> {
  const since = new Map<string, number>()
  const either = AbortSignal.any([signal, over])
  const pause = () => delay(WATCH_MS, undefined, { signal: either }).catch(() => undefined)
  for (await pause(); !either.aborted; await pause()) {
    const waiting = await blockedBy(database, applicationName).catch((error: unknown) => {
      watch.abort(error)
      return undefined
    })
    if (waiting === undefined) return
    const now = Date.now()
    for (const process of since.keys()) if (!waiting.includes(process)) since.delete(process)
    for (const process of waiting) since.set(process, since.get(process) ?? now)
    if (![...since.values()].some((at) => now - at >= GIVE_WAY_MS)) continue
    const text = `On the ${database.side}: pg_dump gave way to a statement that needs a table for itself.`
    watch.abort(new MigrationError('LockTimeout', text, { side: database.side }))
    return
  }
}

async function blockedBy(database: Database, applicationName: string): Promise<string[]> {
  const rows = await database.query<{ pid: string }>(
    `select distinct w.pid
       from pg_stat_activity a
       join pg_locks h on h.pid = a.pid and h.granted and h.locktype = 'relation'
       join pg_locks w on not w.granted and w.locktype = 'relation' and w.database = h.database and w.relation = h.relation
                      and w.mode = 'AccessExclusiveLock'
      where a.application_name = $1 and a.datname = current_database()`,
    [applicationName],
  )
  return rows.map(({ pid }) => pid)
}
