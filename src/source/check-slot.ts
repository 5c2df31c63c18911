import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import type { MigrationRecord } from '../state/migration-record.ts'
import { checkTimeline } from './check-timeline.ts'
import { freeSlot } from './own-sessions.ts'
import { slotLost } from './slot-lost.ts'
import { lostReason } from './slot-state.ts'
import { connectWalsender } from './source-identity.ts'

export interface CheckSlotArgs {
  readonly source: Database
  readonly sourceConnection: ResolvedConnection
  readonly target: Database
  readonly record: MigrationRecord
  /** Durable on the target: the last applied commit, and the highest position that may have been confirmed to the slot. */
  readonly progress: { readonly commitLsn: bigint; readonly confirmedLsn: bigint }
  readonly signal: AbortSignal
}

/**
 * To be called on every connect, before streaming: the source is the one that was copied (HANDOFF.md R6), its slot is the one
 * that was made, and it has given up nothing that the target lacks. Ends a walsender that an older attempt left on the slot.
 * Throws `SourceReplaced`, `SlotLost` or `SlotReplaced`; `ConnectionLost` for a standby, which the source may be in the midst of a switchover.
 */
export async function checkSlot(args: CheckSlotArgs): Promise<void> {
  const { source, sourceConnection, target, record, progress, signal } = args
  const slot = record.slot ?? ''
  await checkPrimary(source)
  const walsender = await connectWalsender(source, sourceConnection, `pgmove ${record.id} check`, signal)
  try {
    await checkTimeline(walsender, target, record, progress.commitLsn)
  } finally {
    await walsender.close()
  }
  await checkSlotState(source, slot)
  await freeSlot(source, slot, signal)
  const confirmed = await checkSlotState(source, slot)
  const known = [progress.commitLsn, progress.confirmedLsn, parseLsn(record.consistent_point ?? '0/0')].reduce((a, b) => (a > b ? a : b))
  if (confirmed > known) {
    throw new MigrationError(
      'SlotReplaced',
      `On the source: slot ${slot} begins at ${formatLsn(confirmed)}, beyond ${formatLsn(known)}, up to where the target has all changes. It was made anew or moved by something else, and changes are missing. The migration ends.`,
      { side: 'source', lsn: formatLsn(confirmed) },
    )
  }
}

/** In a switchover the source's name may lead to a standby for a moment: to the old primary, or to the new one before its promotion. */
async function checkPrimary(source: Database): Promise<void> {
  const [row] = await source.query('select pg_is_in_recovery() as standby')
  if (row?.['standby'] !== 't') return
  const text = 'On the source: the server is a standby. pgmove connects again within the reconnect window, until it is the primary.'
  throw new MigrationError('ConnectionLost', text, { side: 'source' })
}

/** The slot's confirmed_flush_lsn, if the slot is usable. */
async function checkSlotState(source: Database, slot: string): Promise<bigint> {
  const [row] = await source.query(
    `select s.*, s.database is not distinct from current_database() as here from pg_replication_slots s where slot_name = $1`,
    [slot],
  )
  if (!row) throw slotLost(slot, 'is not there any more')
  const reason = lostReason(row)
  if (reason !== undefined) throw slotLost(slot, `was invalidated (${reason})`)
  if (row['plugin'] !== 'pgoutput' || row['here'] !== 't' || typeof row['confirmed_flush_lsn'] !== 'string') {
    const text = `On the source: slot ${slot} is not the one that pgmove made: it belongs to another database or another output plugin. The migration ends.`
    throw new MigrationError('SlotReplaced', text, { side: 'source' })
  }
  return parseLsn(row['confirmed_flush_lsn'])
}
