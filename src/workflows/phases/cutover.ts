import { ApplicationFailure, patched } from '@temporalio/workflow'
import { errorPolicy } from '../../errors/error-policy.ts'
import { runChangeStream } from '../change-stream-run.ts'
import { CutoverLedger } from '../cutover-ledger.ts'
import { INTERRUPTED, interruptible } from '../interruptible.ts'
import type { DataResult } from '../data-result.ts'
import type { Migration } from '../migration.ts'
import { addError } from '../migration-state.ts'
import type { MigrationReport } from '../migration-report.ts'
import type { Phase } from '../status.ts'
import { proveBehindFence } from './prove-behind-fence.ts'
import type { CutoverProof } from './prove-behind-fence.ts'
import { proveSinceMarker } from './restore-and-prove.ts'
import { stillWritten } from './still-written.ts'
import { validateBeforeCutover, validateCutover } from './validate-cutover.ts'
import type { CutoverValidation } from './validate-cutover.ts'
import { refreshAll, UNSTREAMED_FIRST, verifyAndValidate, verifyTarget } from './verify-and-validate.ts'

/** How often the drain is repeated while the source still changes, before a cutover without a fence goes back. */
const ROUNDS = 5
/** Without a fence too the stream shows until the release that nobody writes. */
const PROOF_UNTIL_RELEASE = 'proof-until-release'

/** What a cutover has proven, and how long it took. */
export interface CutoverFacts extends Omit<NonNullable<MigrationReport['cutover']>, 'steps'> {
  readonly ledger: CutoverLedger
  readonly validation: MigrationReport['validation']
}

/**
 * Drains the stream to a marker, behind a fence if one is wanted, verifies, sets sequences, proves by the stream that nobody has written
 * since, and puts the target in working order. Goes back to incremental replication on abortCutover, which interrupts whatever runs
 * or waits, and on FenceLeaked and ValidationFailed: until owners and grants are given away nothing has been done on the target that
 * can't be undone. Whoever goes back lowers the fence first.
 */
export async function cutover(migration: Migration): Promise<CutoverFacts | Phase> {
  const { state, spec } = migration
  const ledger = new CutoverLedger()
  const fence = state.cutoverFence ?? spec.cutover.fence
  try {
    const proof = await interruptible(
      async () => {
        const compared = await validateBeforeCutover(migration, ledger)
        const prove = fence === 'readOnly' ? proveBehindFence : drainAndVerify
        return prove(migration, ledger, compared)
      },
      () => state.abortRequested,
    )
    // A cutover that was sent again meanwhile stays asked for.
    if (proof === INTERRUPTED || state.abortRequested) return await goBack(migration)
    state.cutoverDecided = true
    if (state.restoring === true) {
      await ledger.step('restoreAccess', () =>
        migration.run('restoreTarget', 'Give owners, grants and settings away', { part: 'access' }, 'data'),
      )
    } else {
      await ledger.step('restoreTarget', () =>
        migration.run('restoreTarget', 'Switch triggers, rules, identities and foreign keys on; owners, grants and settings', {}, 'data'),
      )
    }
    const downtimeMs = Date.now() - proof.closedAt
    await stopLoggingKeys(migration)
    const { lsn, appliedLsn, validation } = proof
    return { lsn, appliedLsn, validation, fence, downtimeMs, ledger }
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || errorPolicy(error.type ?? '') !== 'return') throw error
    addError(state, { at: new Date().toISOString(), type: error.type ?? 'Internal', message: error.message })
    state.cutoverRequested = false
    return goBack(migration)
  }
}

/** The source is writable again before replication goes on. */
async function goBack(migration: Migration): Promise<Phase> {
  const { state } = migration
  if (state.fence) {
    await migration.run('lowerFence', 'Lower the fence: the source is writable again', {})
    state.fence = null
  }
  if (state.restoring === true) {
    await migration.run('undoRestore', 'Switch triggers, rules and identities off again, so that replication can go on', {}, 'data')
    state.restoring = false
  }
  await stopLoggingKeys(migration)
  state.abortRequested = false
  migration.touch()
  return 'incremental'
}

async function stopLoggingKeys(migration: Migration): Promise<void> {
  if (migration.state.keysLogged !== true) return
  await migration.run('logKeys', 'Write down no more keys of rows that change', { open: false })
  migration.state.keysLogged = false
}

/** The cutover without a fence: the user has stopped the writers, and this proves it. */
async function drainAndVerify(migration: Migration, ledger: CutoverLedger, compared: DataResult | undefined): Promise<CutoverProof> {
  const { state } = migration
  const closedAt = Date.now()
  for (let round = 1; ; round++) {
    const { lsn } = await drain(migration, ledger, 'Drain')
    const marked = migration.copiesMarked
    const proven = await verified(migration, ledger, compared)
    if (!proven || migration.copiesMarked !== marked) {
      // A table that held this up is copied when the stream goes on; then it is looked at again.
      round--
      continue
    }
    const { validation, failure } = proven
    // What was committed since the marker shows that somebody still writes: then everything is done once more.
    const again = await drain(migration, ledger, 'Drain once more')
    const { changes } = again
    // Last, so that the values are those of the end: a sequence can move without any row that is committed.
    const sequences = await ledger.step('setSequences', () => migration.run('setSequences', 'Set sequences', {}))
    state.sequences = [...sequences.items]
    state.sequenceTotal = sequences.total
    if (changes === 0 && failure) throw failure
    if (changes === 0 && sequences.moved.length === 0) {
      // Histories of older builds end here: they could not go back any more.
      if (!patched(PROOF_UNTIL_RELEASE)) return { lsn, appliedLsn: again.appliedLsn, validation, closedAt }
      return { lsn: again.lsn, appliedLsn: await proveSinceMarker(migration, ledger, again.lsn), validation, closedAt }
    }
    if (round === ROUNDS) throw stillWritten(changes, sequences.moved)
  }
}

/** Undefined if a table was marked to be copied again. */
async function verified(
  migration: Migration,
  ledger: CutoverLedger,
  compared: DataResult | undefined,
): Promise<CutoverValidation | undefined> {
  if (patched(UNSTREAMED_FIRST)) return verifyAndValidate(migration, ledger, compared)
  const marked = migration.copiesMarked
  await verifyTarget(migration, ledger)
  if (migration.copiesMarked !== marked) return undefined
  await refreshAll(migration, ledger)
  return ledger.step('validate', () => validateCutover(migration, compared))
}

async function drain(
  migration: Migration,
  ledger: CutoverLedger,
  what: string,
): Promise<{ lsn: string; changes: number; appliedLsn: string }> {
  const { lsn } = await ledger.step('takeMarker', () => migration.run('takeMarker', 'Take the marker LSN on the source', {}))
  return ledger.step('drain', async () => {
    let changes = 0
    for (;;) {
      const result = await runChangeStream(migration, { summary: `${what} to ${lsn}`, until: lsn })
      if (result === 'interrupted') continue
      changes += result.changes
      if (result.reason === 'until') return { lsn, changes, appliedLsn: result.position }
    }
  })
}
