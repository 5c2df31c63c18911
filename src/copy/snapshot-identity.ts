import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import { pause } from '../source/retry-on-lock.ts'
import { isFlushed } from './wait-durable.ts'

const PATIENCE_MS = 1000

/**
 * Names the server and database, for `snapshotIdentity`; undefined where a snapshot can't be compared with a later one: on a standby, or
 * if the role may not ask. To be called outside of a transaction, since it may fail.
 */
export async function serverIdentity(source: Database): Promise<string | undefined> {
  const rows = await source
    .query<{ identity: string; standby: string }>(
      `select concat_ws('/', s.system_identifier, d.oid) as identity, pg_is_in_recovery() as standby
         from pg_control_system() s, pg_database d where d.datname = current_database()`,
    )
    .catch(() => [])
  const [row] = rows
  return row?.standby === 'f' ? row.identity : undefined
}

/**
 * Of the snapshot of the session's transaction: a later snapshot that has the same identity shows the same rows. Every write takes a
 * transaction ID, and `xmax` follows the last one that ended; with `xmin` = `xmax` none below it runs. So equal ones mean that no
 * transaction that wrote, on the whole server, has ended in between. All that the snapshot sees must be on disk: a crash would lose
 * asynchronous commits, and their IDs would be used again. Null if that can't be said of this snapshot.
 */
export async function snapshotIdentity(source: Database, server: string | undefined, signal: AbortSignal): Promise<string | null> {
  if (server === undefined) return null
  const [row] = await source.query<{ snapshot: string; lsn: string; timeline: string }>(
    `select txid_current_snapshot() as snapshot, pg_current_wal_insert_lsn() as lsn,
            left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline`,
  )
  const [xmin, xmax, running] = row?.snapshot.split(':') ?? []
  if (!row || xmin !== xmax || running !== '') return null
  const started = Date.now()
  for (;;) {
    const [flushed] = await source.query<{ lsn: string }>('select pg_current_wal_flush_lsn() as lsn')
    if (flushed && isFlushed(parseLsn(flushed.lsn), parseLsn(row.lsn))) return `${server}/${row.timeline}/${row.snapshot}`
    if (Date.now() - started > PATIENCE_MS) return null
    await pause(100, signal)
  }
}
