import type { Database } from '../postgres/connect.ts'

/** What the source says of a slot now. Bytes are of WAL. */
export interface SlotState {
  readonly confirmedLsn: string | null
  /** Kept for the slot; null if the slot keeps none any more. */
  readonly retainedBytes: bigint | null
  /** `reserved`, `extended`, `unreserved` or `lost`; null before 13, which never gives up a slot's WAL. */
  readonly walStatus: string | null
  /** How much more may be written before the slot can be lost (`safe_wal_size`); null without a limit. */
  readonly safeBytes: bigint | null
  /** What the source keeps for slots at most (`max_slot_wal_keep_size`, 13 and newer); null without a limit. */
  readonly limitBytes: bigint | null
  /** `max_wal_size`: about what the source's disk holds of WAL while nothing keeps it back. */
  readonly usualBytes: bigint
  /** `idle_replication_slot_timeout` in seconds (18 and newer); null without one. */
  readonly idleTimeout: number | null
  /** What is left of it in seconds; null while something streams from the slot. */
  readonly idleLeft: number | null
  /** Why the slot is of no use any more; undefined as long as it is. */
  readonly lost: string | undefined
}

const MEBIBYTE = 1_048_576n

const IDLE_LIMIT = `, extract(epoch from idle.timeout)::bigint as idle_timeout, extract(epoch from s.inactive_since + idle.timeout - clock_timestamp())::bigint as idle_left
  from (select nullif(current_setting('idle_replication_slot_timeout')::interval, '0') as timeout) idle,`

/** Undefined if there is no slot of that name. */
export async function readSlotState(source: Database, slot: string): Promise<SlotState | undefined> {
  const [row] = await source.query(
    // Columns that a version lacks are missing from the row: wal_status and safe_wal_size came with 13, conflicting with 16, invalidation_reason with 17.
    `select s.*, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint as retained_bytes,
            (select setting from pg_settings where name = 'max_slot_wal_keep_size') as keep_megabytes,
            (select setting from pg_settings where name = 'max_wal_size') as usual_megabytes
            ${source.version >= 180000 ? IDLE_LIMIT : 'from'} pg_replication_slots s where slot_name = $1`,
    [slot],
  )
  if (!row) return undefined
  const bytes = (name: string): bigint | null => (typeof row[name] === 'string' ? BigInt(row[name]) : null)
  const seconds = (name: string): number | null => (typeof row[name] === 'string' ? Number(row[name]) : null)
  const keep = bytes('keep_megabytes')
  const limitBytes = keep === null || keep < 0n ? null : keep * MEBIBYTE
  return {
    confirmedLsn: row['confirmed_flush_lsn'] ?? null,
    retainedBytes: bytes('retained_bytes'),
    walStatus: row['wal_status'] ?? null,
    safeBytes: limitBytes === null ? null : bytes('safe_wal_size'),
    limitBytes,
    usualBytes: (bytes('usual_megabytes') ?? 0n) * MEBIBYTE,
    idleTimeout: seconds('idle_timeout'),
    idleLeft: seconds('idle_left'),
    lost: lostReason(row),
  }
}

/** Why a row of pg_replication_slots is of no use any more; undefined if it is. */
export function lostReason(row: Readonly<Record<string, string | null | undefined>>): string | undefined {
  const reason = row['invalidation_reason'] ?? (row['wal_status'] === 'lost' ? 'its WAL was removed' : undefined)
  if (reason !== undefined) return reason
  return row['conflicting'] === 't' ? 'conflict' : undefined
}
