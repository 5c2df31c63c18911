import { normalSnapshot } from '../replication/snapshot.ts'
import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, literal } from '../postgres/quote.ts'
import { freeSlot } from './own-sessions.ts'
import { pause } from './retry-on-lock.ts'
import { readSlotBlocker } from './slot-blocker.ts'
import type { SlotBlocker } from './slot-blocker.ts'

const FULL_SNAPSHOT_ATTEMPTS = 10
const POLL_MS = 1000

export interface CreatedSlot {
  readonly consistentPoint: string
  /** S_slot of HANDOFF.md; null if the server could not build one. */
  readonly snapshot: string | null
}

/**
 * Makes the slot and reads the snapshot that belongs to it (HANDOFF.md R1). A slot of that name is dropped first: it was made
 * by an attempt that did not live to store its snapshot. Waits for every transaction that writes now, and says so by `onWait`.
 */
export async function createSlot(args: {
  readonly source: Database
  readonly walsender: Database
  readonly slot: string
  readonly signal: AbortSignal
  readonly onWait?: ((blocker: SlotBlocker | undefined) => void) | undefined
  /** How often to try for a slot with its snapshot before one without is made. Default 10. */
  readonly attempts?: number
}): Promise<CreatedSlot> {
  const { source, walsender, slot, signal, onWait, attempts = FULL_SNAPSHOT_ATTEMPTS } = args
  const failover = await hasStandbySlots(source)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await dropSlot(source, walsender, slot, signal)
    try {
      return await watched(source, walsender, signal, onWait, () => createWithSnapshot(walsender, slot, failover))
    } catch (error) {
      if (!isPassing(error)) throw error
    }
    await pause(POLL_MS, signal)
  }
  // Without a full snapshot a slot of 10 or 11 may begin in the middle of a transaction (HANDOFF.md 3.3).
  if (source.version < 120000) {
    throw new MigrationError(
      'LockTimeout',
      `On the source: the slot's first snapshot is too large, ${attempts} times: too many transactions and savepoints are rolled back meanwhile. pgmove tries again; fewer of them for some seconds let it through.`,
      { side: 'source' },
    )
  }
  await dropSlot(source, walsender, slot, signal)
  return watched(source, walsender, signal, onWait, async () => {
    const [row] = await walsender.query<{ consistent_point: string }>(
      `CREATE_REPLICATION_SLOT ${ident(slot)} LOGICAL pgoutput ${failover ? `(SNAPSHOT 'nothing', FAILOVER true)` : 'NOEXPORT_SNAPSHOT'}`,
    )
    return { consistentPoint: row?.consistent_point ?? '', snapshot: null }
  })
}

/**
 * "initial slot snapshot too large": too many aborted transactions and rolled-back savepoints just now (HANDOFF.md R2).
 * "cannot build an initial slot snapshot when …xmin already is valid": the server's configuration was reloaded meanwhile (measured on 13.23).
 */
function isPassing(error: unknown): boolean {
  return sqlState(error) === '40001' || (sqlState(error) === 'XX000' && /initial slot snapshot/.test((error as Error).message))
}

/**
 * Whether a standby may keep the slot as well, so that it outlives a switchover (from 17). A standby with `sync_replication_slots`
 * needs a physical slot (`primary_slot_name`), and that is all of it that the primary sees. Where none synchronizes slots,
 * `failover` changes nothing; where `synchronized_standby_slots` is set, the stream then never runs ahead of those standbys.
 */
async function hasStandbySlots(source: Database): Promise<boolean> {
  if (source.version < 170000) return false
  const [row] = await source.query<{ there: string }>(
    `select exists (select from pg_replication_slots where slot_type = 'physical' and not temporary) as there`,
  )
  return row?.there === 't'
}

async function createWithSnapshot(walsender: Database, slot: string, failover: boolean): Promise<CreatedSlot> {
  return walsender.transaction(async () => {
    const [made] = await walsender.query<{ consistent_point: string }>(
      `CREATE_REPLICATION_SLOT ${ident(slot)} LOGICAL pgoutput ${failover ? `(SNAPSHOT 'use', FAILOVER true)` : 'USE_SNAPSHOT'}`,
    )
    const [row] = await walsender.query<{ snapshot: string }>('select txid_current_snapshot() as snapshot')
    return { consistentPoint: made?.consistent_point ?? '', snapshot: normalSnapshot(row?.snapshot ?? '') }
  }, 'begin isolation level repeatable read read only')
}

/** By the walsender that makes the new one, so that an attempt whose walsender was ended can drop nothing any more. */
async function dropSlot(source: Database, walsender: Database, slot: string, signal: AbortSignal): Promise<void> {
  await freeSlot(source, slot, signal)
  await walsender.query(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${literal(slot)} and not active`,
  )
}

/** Looks every second what the walsender waits for. */
async function watched<T>(
  source: Database,
  walsender: Database,
  signal: AbortSignal,
  onWait: ((blocker: SlotBlocker | undefined) => void) | undefined,
  create: () => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const creation = create().finally(() => over.abort())
  creation.catch(() => undefined)
  let told = false
  const either = AbortSignal.any([signal, over.signal])
  while (!over.signal.aborted) {
    await pause(POLL_MS, either).catch(() => undefined)
    if (either.aborted) break
    const blocker = await readSlotBlocker(source, walsender.processId)
    if (blocker || told) onWait?.(blocker)
    told = blocker !== undefined
  }
  const result = await creation
  if (told) onWait?.(undefined)
  return result
}
