import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'

/** The WAL insert position now: the commit record of whatever was committed before stands below it. */
export async function sourcePosition(source: Database): Promise<bigint> {
  const [row] = await source.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
  return parseLsn(row?.lsn ?? '')
}

/** How many bytes of WAL the source keeps for a slot; undefined if there is no such slot. */
export async function retainedBytes(source: Database, slot: string): Promise<bigint | undefined> {
  const [row] = await source.query<{ bytes: string | null }>(
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as bytes from pg_replication_slots where slot_name = $1`,
    [slot],
  )
  return typeof row?.bytes === 'string' ? BigInt(row.bytes) : undefined
}
