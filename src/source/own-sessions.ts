import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { pause } from './retry-on-lock.ts'

const PATIENCE_MS = 30_000
const POLL_MS = 100

/**
 * Ends the sessions whose application_name begins with `prefix`, but `spare` and the asking one, and waits until they are
 * gone: an attempt that was killed may have left a backend that does not know it yet. Only sessions of this database, walsenders
 * with it: the other side may be on the same server.
 */
export async function endSessions(database: Database, prefix: string, signal: AbortSignal, spare?: number): Promise<void> {
  const end = async () => {
    const rows = await database.query<{ pid: string }>(
      `select pid, pg_terminate_backend(pid) from pg_stat_activity
        where left(application_name, length($1)) = $1 and datname = current_database() and usename = current_user
          and pid not in (pg_backend_pid(), $2::int)`,
      [prefix, String(spare ?? 0)],
    )
    return rows.length
  }
  for (const deadline = Date.now() + PATIENCE_MS; (await end()) > 0;) {
    if (Date.now() > deadline) throw stillThere(database, `sessions named "${prefix}"`)
    await pause(POLL_MS, signal)
  }
}

/** Ends what streams from a slot and waits until nothing does. */
export async function freeSlot(source: Database, slot: string, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const [row] = await source.query<{ pid: string | null }>(
      `select active_pid as pid from pg_replication_slots where slot_name = $1 and active_pid is not null`,
      [slot],
    )
    if (typeof row?.pid !== 'string') return
    await source.query(`select pg_terminate_backend($1::int)`, [row.pid])
    if (Date.now() > deadline) throw stillThere(source, `the walsender that holds slot ${slot}`)
    await pause(POLL_MS, signal)
  }
}

function stillThere({ side }: Database, what: string): MigrationError {
  const text = `On the ${side}: ${what} of an older attempt did not end within ${PATIENCE_MS / 1000} s. pgmove tries again.`
  return new MigrationError('LockTimeout', text, { side })
}
