import type { Database } from '../postgres/connect.ts'

/** A transaction that slot creation waits for until it ends. */
export interface SlotBlocker {
  readonly xid: string
  /** Its session; none for a prepared transaction. */
  readonly pid?: string
  /** Of a prepared transaction. */
  readonly gid?: string
  /** When it began, as PostgreSQL prints it; unknown if it belongs to another role and pgmove's may not see that. */
  readonly since?: string
}

/**
 * What the walsender `pid` waits for now. By pg_locks, which every role may read whole: it waits for the lock that each
 * transaction holds on its own id, and the lock of a prepared transaction has no pid.
 */
export async function readSlotBlocker(source: Database, pid: number): Promise<SlotBlocker | undefined> {
  const [row] = await source.query<{ xid: string; pid: string | null; gid: string | null; since: string | null }>(
    `select w.transactionid as xid, h.pid, p.gid, coalesce(p.prepared, a.xact_start) as since
       from pg_locks w
       left join pg_locks h on h.locktype = 'transactionid' and h.transactionid = w.transactionid and h.granted
       left join pg_prepared_xacts p on h.pid is null and p.transaction = w.transactionid
       left join pg_stat_activity a on a.pid = h.pid
      where w.pid = $1::int and w.locktype = 'transactionid' and not w.granted`,
    [String(pid)],
  )
  if (!row) return undefined
  return {
    xid: row.xid,
    ...(row.pid === null ? {} : { pid: row.pid }),
    ...(row.gid === null ? {} : { gid: row.gid }),
    ...(row.since === null ? {} : { since: row.since }),
  }
}
