import type { Database } from '../postgres/connect.ts'

/** A transaction that slot creation, or what comes before it, waits for until it ends. */
export interface SlotBlocker {
  /** Unknown if it holds a lock of a table and has written nothing. */
  readonly xid?: string
  /** Its session; none for a prepared transaction. */
  readonly pid?: string
  /** Of a prepared transaction. */
  readonly gid?: string
  /** When it began, as PostgreSQL prints it; unknown if it belongs to another role and pgmove's may not see that. */
  readonly since?: string
}

/** How waits for other transactions are told and ended. */
export interface WaitOptions {
  readonly signal: AbortSignal
  /** About every second while something is waited for; undefined when that is over. */
  readonly onWait?: ((blocker: SlotBlocker | undefined) => void) | undefined
}

interface BlockerRow extends Record<string, string | null> {
  xid: string | null
  pid: string | null
  gid: string | null
  since: string | null
}

/**
 * What the walsender `pid` waits for now. By pg_locks, which every role may read whole: it waits for the lock that each
 * transaction holds on its own id, and the lock of a prepared transaction has no pid.
 */
export async function readSlotBlocker(source: Database, pid: number): Promise<SlotBlocker | undefined> {
  const [row] = await source.query<BlockerRow>(
    `select w.transactionid as xid, h.pid, p.gid, coalesce(p.prepared, a.xact_start) as since
       from pg_locks w
       left join pg_locks h on h.locktype = 'transactionid' and h.transactionid = w.transactionid and h.granted
       left join pg_prepared_xacts p on h.pid is null and p.transaction = w.transactionid
       left join pg_stat_activity a on a.pid = h.pid
      where w.pid = $1::int and w.locktype = 'transactionid' and not w.granted`,
    [String(pid)],
  )
  return row && blocker(row)
}

/** The oldest transaction that holds a lock of a table. */
export async function readTableBlocker(source: Database, table: string): Promise<SlotBlocker | undefined> {
  const [row] = await source.query<BlockerRow>(
    `select x.transactionid as xid, h.pid, p.gid, coalesce(p.prepared, a.xact_start) as since
       from pg_locks h
       left join pg_locks x on x.virtualtransaction = h.virtualtransaction and x.locktype = 'transactionid' and x.granted
       left join pg_prepared_xacts p on h.pid is null and p.transaction = x.transactionid
       left join pg_stat_activity a on a.pid = h.pid
      where h.locktype = 'relation' and h.relation = $1::oid and h.granted and h.pid is distinct from pg_backend_pid()
        and h.database = (select oid from pg_database where datname = current_database())
      order by since limit 1`,
    [table],
  )
  return row && blocker(row)
}

function blocker({ xid, pid, gid, since }: BlockerRow): SlotBlocker {
  return {
    ...(xid === null ? {} : { xid }),
    ...(pid === null ? {} : { pid }),
    ...(gid === null ? {} : { gid }),
    ...(since === null ? {} : { since }),
  }
}
