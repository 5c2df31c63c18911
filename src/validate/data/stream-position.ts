import { setTimeout as pause } from 'node:timers/promises'
import { waitApplied } from '../../cutover/markers.ts'
import type { Database } from '../../postgres/connect.ts'
import { formatLsn } from '../../postgres/lsn.ts'
import { beat } from '../../source/heartbeat.ts'
import { sourcePosition } from '../../source/source-position.ts'
import type { SettleOptions } from './settle.ts'

/** How long transactions that are open on the source are waited for; one that lasts longer leaves what it might have changed undecided. */
const OPEN_TRANSACTIONS_MS = 10_000
/** Once somebody was found to take that long. */
const STILL_OPEN_MS = 500
const POLL_MS = 20

/**
 * How a comparison of the data keeps step with the change streams that lead from this source to this target.
 *
 * @param migrations IDs of the migrations that stream; without any, nothing is waited for
 */
export function streamPosition(
  source: Database,
  target: Database,
  migrations: readonly string[],
  signal: AbortSignal,
): Pick<SettleOptions, 'caughtUp' | 'openTransactionsEnded'> {
  let patience = OPEN_TRANSACTIONS_MS
  return {
    caughtUp: async () => {
      if (migrations.length === 0) return
      const lsn = formatLsn(await sourcePosition(source))
      for (const id of migrations) {
        // Something stands behind it in the stream at once, also where nobody writes.
        await beat(source, id)
        await waitApplied(target, id, lsn, signal)
      }
    },
    openTransactionsEnded: async () => {
      const end = Date.now() + patience
      const [now] = await source.query<{ next: string }>('select txid_snapshot_xmax(txid_current_snapshot()) as next')
      for (;;) {
        const [row] = await source.query<{ ended: string }>('select txid_snapshot_xmin(txid_current_snapshot()) >= $1::bigint as ended', [
          now?.next ?? '0',
        ])
        if (row?.ended === 't') {
          patience = OPEN_TRANSACTIONS_MS
          return true
        }
        if (Date.now() > end) {
          patience = STILL_OPEN_MS
          return false
        }
        await pause(POLL_MS, undefined, { signal })
      }
    },
  }
}

/** The migrations that stream from this source database into this target now: their state is open and their slot is there. */
export async function streamingMigrations(source: Database, target: Database): Promise<string[]> {
  const [state] = await target.query<{ there: string }>(`select to_regclass('pgmove.migration') is not null as there`)
  if (state?.there !== 't') return []
  const open = await target.query<{ id: string; slot: string }>(
    'select id, slot from pgmove.migration where outcome is null and slot is not null',
  )
  const slots = await source.query<{ name: string }>(
    `select slot_name as name from pg_replication_slots where database = current_database() and slot_type = 'logical'`,
  )
  const there = new Set(slots.map(({ name }) => name))
  return open.filter(({ slot }) => there.has(slot)).map(({ id }) => id)
}
