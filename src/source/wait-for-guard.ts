import type { Database } from '../postgres/connect.ts'
import { pause } from './retry-on-lock.ts'

const POLL_MS = 200

/**
 * Waits until every transaction that the slot takes for committed before its start is visible to ordinary snapshots
 * (HANDOFF.md R2): a commit that hangs on a synchronous standby is neither streamed nor seen by a copy until then. `slotSnapshot`
 * null means that the server could not build one; then every writer that began before now is waited for.
 */
export async function waitForGuard(source: Database, slotSnapshot: string | null, signal: AbortSignal): Promise<void> {
  const passed = slotSnapshot === null ? await afterWriters(source) : () => guarded(source, slotSnapshot)
  while (!(await passed())) await pause(POLL_MS, signal)
}

async function guarded(source: Database, slotSnapshot: string): Promise<boolean> {
  const [row] = await source.query<{ hidden: string }>(
    `select count(*) as hidden
       from (select txid_current_snapshot() as c) q,
            generate_series(txid_snapshot_xmin(c), txid_snapshot_xmax($1::txid_snapshot) - 1) as x
      where txid_visible_in_snapshot(x, $1::txid_snapshot) and not txid_visible_in_snapshot(x, c)`,
    [slotSnapshot],
  )
  return row?.hidden === '0'
}

async function afterWriters(source: Database): Promise<() => Promise<boolean>> {
  const [limit] = await source.query<{ xid: string }>('select txid_current() as xid')
  return async () => {
    const [row] = await source.query<{ over: string }>(`select txid_snapshot_xmin(txid_current_snapshot()) >= $1::bigint as over`, [
      limit?.xid ?? null,
    ])
    return row?.over === 't'
  }
}
