import { condition, uuid4 } from '@temporalio/workflow'
import type { CutoverLedger } from '../cutover-ledger.ts'
import type { DataResult } from '../data-result.ts'
import type { Migration } from '../migration.ts'
import type { MigrationReport } from '../migration-report.ts'
import { addWarning, forgetStream } from '../migration-state.ts'
import { together } from '../together.ts'
import { besideStream } from './beside-stream.ts'
import { restoreAndProve } from './restore-and-prove.ts'
import { stillWritten } from './still-written.ts'
import { verifyAndValidate } from './verify-and-validate.ts'

/** What a cutover has proven when nothing holds it up any more. */
export interface CutoverProof {
  /** The marker. */
  readonly lsn: string
  readonly appliedLsn: string
  readonly validation: MigrationReport['validation']
  /** Since when nobody could write, in milliseconds since 1970. */
  readonly closedAt: number
}

/** For how long a lag that is next to nothing is waited for: under a load that the target can't keep up with it never comes. */
const CATCH_UP = '1 minute'
const CATCH_UP_TIMER = { summary: 'Time limit for catching up before the fence' }

/**
 * The cutover behind a fence. One stream goes on from before the fence until the end, so that what is left to drain is little, and sees
 * every commit of the whole time: one behind the marker that touches a selected table fails it as `FenceLeaked`.
 */
export async function proveBehindFence(
  migration: Migration,
  ledger: CutoverLedger,
  compared: DataResult | undefined,
): Promise<CutoverProof> {
  const cutover = uuid4()
  let closed: { readonly lsn: string; readonly closedAt: number } | undefined
  for (;;) {
    forgetStream(migration.state)
    const proven = await besideStream(migration, cutover, async () => {
      await ledger.step('catchUp', () => condition(() => migration.state.undelayed, CATCH_UP, CATCH_UP_TIMER))
      closed ??= await close(migration, ledger, cutover)
      return verify(migration, ledger, cutover, closed.lsn, compared)
    })
    // A table that held this up is copied when the stream begins anew; then it is looked at again.
    if (proven && closed) return { ...closed, ...proven.result, appliedLsn: proven.position }
  }
}

/** Raises the fence and takes the marker. */
async function close(migration: Migration, ledger: CutoverLedger, cutover: string): Promise<{ lsn: string; closedAt: number }> {
  const { state } = migration
  const closedAt = await ledger.step('raiseFence', async () => {
    // From here on it may stand, whatever becomes of the activity.
    state.fence = { statements: [] }
    const { kept, statements, closedMs } = await migration.run('raiseFence', 'Raise the fence: the source is read-only', {})
    state.fence = { statements: [...statements] }
    if (kept.length > 0) {
      const named = kept.join('; ')
      addWarning(
        state,
        `Sessions of the provider's superusers could not be ended; the change stream proves that they don't write: ${named}`,
      )
    }
    return Date.now() - closedMs
  })
  const { lsn } = await ledger.step('takeMarker', () => migration.run('takeMarker', 'Take the marker LSN on the source', { cutover }))
  return { lsn, closedAt }
}

/** Undefined if a table was marked to be copied again. */
async function verify(
  migration: Migration,
  ledger: CutoverLedger,
  cutover: string,
  lsn: string,
  compared: DataResult | undefined,
): Promise<Pick<CutoverProof, 'validation'> | undefined> {
  const { state } = migration
  await ledger.step('drain', () => migration.run('waitApplied', `Drain to ${lsn}`, { lsn }))
  const marked = migration.copiesMarked
  const [sequences, { validation, failure }] = await together([
    () => ledger.step('setSequences', () => migration.run('setSequences', 'Set sequences', {})),
    () => verifyAndValidate(migration, ledger, compared),
  ])
  if (migration.copiesMarked !== marked) return undefined
  state.sequences = [...sequences.items]
  state.sequenceTotal = sequences.total
  if (sequences.moved.length > 0) throw stillWritten(0, sequences.moved)
  if (failure) throw failure
  await restoreAndProve(migration, ledger, cutover)
  return { validation }
}
