import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import { migrationId, publicationName, slotName } from '../state/migration-ref.ts'
import type { MigrationRef } from '../state/migration-ref.ts'
import { readMigrationRecord, updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationRecord } from '../state/migration-record.ts'
import { createSlot } from './create-slot.ts'
import { installDdlCapture } from './ddl-capture.ts'
import type { TableSelection } from './ddl-capture.ts'
import { recordInstalled } from './installed.ts'
import type { InstalledBy } from './installed.ts'
import { endSessions } from './own-sessions.ts'
import { installPublication } from './publication.ts'
import { setReplicaIdentities } from './replica-identity.ts'
import type { SelectedTable } from './selected-tables.ts'
import type { SlotBlocker } from './slot-blocker.ts'
import { connectWalsender, identifySource } from './source-identity.ts'
import { changeSource, installSourceSchema } from './source-schema.ts'
import { installTruncateTriggers } from './truncate-trigger.ts'
import { waitForGuard } from './wait-for-guard.ts'

export interface PrepareSourceArgs {
  readonly source: Database
  readonly sourceConnection: ResolvedConnection
  readonly target: Database
  readonly ref: MigrationRef
  /** The UUID of the Temporal namespace. */
  readonly namespaceId: string
  /** As read by readSelectedTables. */
  readonly tables: readonly SelectedTable[]
  /** What the migration selects, if DDL is to be captured where the role may install that. Default: it is not. */
  readonly captureDdl?: TableSelection | undefined
  readonly signal: AbortSignal
  /** The transaction that is waited for, about every second while it is; undefined when the wait is over. */
  readonly onWait?: (blocker: SlotBlocker | undefined) => void
  /** Once the slot is there and stored. */
  readonly onSlot?: () => void
}

/**
 * Makes all that streaming needs: pgmove's schema with the heartbeat, replica identities, the publication, and then the slot,
 * whose snapshot and position it stores on the target; last it waits until copies may begin (HANDOFF.md R0–R2). May be killed
 * anywhere and run again, also beside an older attempt, whose sessions it ends.
 */
export async function prepareSource(args: PrepareSourceArgs): Promise<{ slot: string; startLsn: string }> {
  const { source, target, ref, signal } = args
  const id = migrationId(ref)
  let record = await readMigrationRecord(target, id)
  if (record.slot === null) {
    await install(args, { id, namespaceId: args.namespaceId, workflowId: ref.workflowId, firstRunId: ref.firstRunId })
    record = await makeSlot(args, id)
  }
  args.onSlot?.()
  if (record.handoff_guarded !== 't') {
    await waitForGuard(source, record.slot_snapshot, signal)
    await updateMigrationRecord(target, id, { handoff_guarded: 't' })
  }
  return { slot: record.slot ?? slotName(id), startLsn: record.consistent_point ?? '0/0' }
}

async function install({ source, tables, captureDdl, signal, onWait }: PrepareSourceArgs, by: InstalledBy): Promise<void> {
  await installSourceSchema(source, by, signal)
  await setReplicaIdentities(source, by, tables, { signal, onWait })
  await installTruncateTriggers(source, by, tables, { signal, onWait })
  const captured = captureDdl !== undefined && (await installDdlCapture(source, by, captureDdl, signal))
  await installPublication(source, by, tables, { captured, signal, onWait })
  // Before the slot itself, which no transaction can hold: what may be there is known.
  await changeSource(source, signal, () => recordInstalled(source, by, 'slot', slotName(by.id)))
}

async function makeSlot({ source, sourceConnection, target, signal, onWait }: PrepareSourceArgs, id: string): Promise<MigrationRecord> {
  const applicationName = `pgmove ${id} slot`
  const walsender = await connectWalsender(source, sourceConnection, applicationName, signal)
  try {
    // An older attempt works through its walsender alone: once that is ended, it can neither make nor drop the slot.
    await endSessions(source, applicationName, signal, walsender.processId)
    const { epoch, record } = await claim(target, id)
    if (record.slot !== null) return record
    const { systemIdentifier, timeline } = await identifySource(walsender)
    const { consistentPoint, snapshot } = await createSlot({ source, walsender, slot: slotName(id), signal, onWait })
    return await store(target, id, epoch, {
      slot: slotName(id),
      publication: publicationName(id),
      consistent_point: consistentPoint,
      slot_snapshot: snapshot,
      system_identifier: systemIdentifier,
      timeline: String(timeline),
    })
  } finally {
    await walsender.close()
  }
}

/** Raises the fence: an older attempt can't store its slot any more; if it has, that is seen here. */
async function claim(target: Database, id: string): Promise<{ epoch: string; record: MigrationRecord }> {
  return target.transaction(async () => {
    const [row] = await target.query<{ epoch: string }>(`update pgmove.progress set epoch = epoch + 1 where id = $1 returning epoch`, [id])
    return { epoch: row?.epoch ?? '', record: await readMigrationRecord(target, id) }
  })
}

async function store(target: Database, id: string, epoch: string, values: Record<string, string | null>): Promise<MigrationRecord> {
  return target.transaction(async () => {
    const [row] = await target.query<{ epoch: string }>(`select epoch from pgmove.progress where id = $1 for update`, [id])
    if (row?.epoch !== epoch) {
      throw new MigrationError('Fenced', 'Another attempt makes the replication slot; this one ends.', { side: 'target' })
    }
    await updateMigrationRecord(target, id, values)
    return readMigrationRecord(target, id)
  })
}
