import type { Database } from '../postgres/connect.ts'

/** Up to where the source's WAL was written, and when. */
export interface WalPosition {
  readonly bytes: number
  /** performance.now() */
  readonly at: number
}

export async function walPosition(source: Database): Promise<WalPosition> {
  const [row] = await source.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end, '0/0') as bytes`,
  )
  return { bytes: Number(row?.bytes), at: performance.now() }
}
