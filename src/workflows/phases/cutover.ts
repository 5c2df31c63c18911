import { ApplicationFailure } from '@temporalio/workflow'
import { errorPolicy } from '../../errors/error-policy.ts'
import { runChangeStream } from '../change-stream-run.ts'
import { CutoverLedger } from '../cutover-ledger.ts'
import type { CutoverStep } from '../cutover-ledger.ts'
import { INTERRUPTED, interruptible } from '../interruptible.ts'
import type { Migration } from '../migration.ts'
import { addError, addWarning } from '../migration-state.ts'
import type { MigrationReport } from '../migration-report.ts'
import type { Phase } from '../status.ts'
import { validateCutover } from './validate-cutover.ts'

/** How often the drain is repeated while the source still changes, before a cutover without a fence goes back. */
const ROUNDS = 5

/** What a cutover has proven, and how long it took. */
export interface CutoverFacts extends Omit<NonNullable<MigrationReport['cutover']>, 'steps'> {
  readonly ledger: CutoverLedger
  readonly validation: MigrationReport['validation']
}

type Proof = Pick<CutoverFacts, 'lsn' | 'appliedLsn' | 'validation'>

/**
 * Raises the fence, if one is wanted, drains the stream to a marker, verifies, sets sequences, proves by the stream that nobody has written
 * meanwhile, and puts the target in working order. Goes back to incremental replication on abortCutover, which interrupts whatever runs
 * or waits, and on FenceLeaked and ValidationFailed: until `restoreTarget` nothing has been done on the target that replication can't
 * go on from. Whoever goes back lowers the fence first.
 */
export async function cutover(migration: Migration): Promise<CutoverFacts | Phase> {
  const { state } = migration
  const startedAt = Date.now()
  const ledger = new CutoverLedger()
  try {
    const proof = await interruptible(
      () => fenceAndProve(migration, ledger),
      () => state.abortRequested,
    )
    if (proof === INTERRUPTED || state.abortRequested) {
      // A cutover that was sent again meanwhile stays asked for.
      return await goBack(migration)
    }
    state.cutoverDecided = true
    await ledger.step('restoreTarget', () =>
      migration.run('restoreTarget', 'Switch triggers, rules, identities and foreign keys on; owners, grants and settings', {}, 'data'),
    )
    return { ...proof, fence: fenceOf(migration), downtimeMs: Date.now() - startedAt, ledger }
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || errorPolicy(error.type ?? '') !== 'return') throw error
    addError(state, { at: new Date().toISOString(), type: error.type ?? 'Internal', message: error.message })
    state.cutoverRequested = false
    return goBack(migration)
  }
}

function fenceOf({ state, spec }: Migration): CutoverFacts['fence'] {
  return state.cutoverFence ?? spec.cutover.fence
}

/** The source is writable again before replication goes on. */
async function goBack(migration: Migration): Promise<Phase> {
  const { state } = migration
  if (state.fence) {
    await migration.run('lowerFence', 'Lower the fence: the source is writable again', {})
    state.fence = null
  }
  state.abortRequested = false
  migration.touch()
  return 'incremental'
}

async function fenceAndProve(migration: Migration, ledger: CutoverLedger): Promise<Proof> {
  const fenced = fenceOf(migration) === 'readOnly'
  if (fenced) await ledger.step('raiseFence', () => raiseFence(migration))
  return drainAndVerify(migration, ledger, fenced)
}

async function raiseFence(migration: Migration): Promise<void> {
  const { state } = migration
  // From here on it may stand, whatever becomes of the activity.
  state.fence = { statements: [] }
  const { kept, statements } = await migration.run('raiseFence', 'Raise the fence: the source is read-only', {})
  state.fence = { statements: [...statements] }
  if (kept.length > 0) {
    const named = kept.join('; ')
    addWarning(
      state,
      `Sessions of the provider's superusers could not be ended, and the change stream alone proves that they don't write: ${named}`,
    )
  }
}

async function drainAndVerify(migration: Migration, ledger: CutoverLedger, fenced: boolean): Promise<Proof> {
  const { state } = migration
  for (let round = 1; ; round++) {
    const { lsn } = await drain(migration, ledger, { step: 'drain', summary: 'Drain', fenced })
    const marked = migration.copiesMarked
    await ledger.step('verifyTarget', () =>
      migration.run('verifyTarget', 'Verify foreign keys, deferrable keys and definitions', {}, 'data'),
    )
    if (migration.copiesMarked !== marked) {
      // A table that held this up is copied when the stream goes on; then it is looked at again.
      round--
      continue
    }
    await ledger.step('refreshViews', () =>
      migration.run('refreshViews', 'Bring materialized views, unlogged tables and large objects up to date', {}, 'data'),
    )
    const { validation, failure } = await ledger.step('validate', () => validateCutover(migration))
    // What was committed since the marker shows that somebody still writes: behind a fence that is a leak, else everything is done once more.
    const { changes, appliedLsn } = await drain(migration, ledger, { step: 'prove', summary: 'Drain once more', fenced, marker: lsn })
    // Last, so that the values are those of the end: a sequence can move without any row that is committed.
    const sequences = await ledger.step('setSequences', () => migration.run('setSequences', 'Set sequences', {}))
    state.sequences = [...sequences.items]
    state.sequenceTotal = sequences.total
    if (changes === 0 && failure) throw failure
    if (changes === 0 && sequences.moved.length === 0) return { lsn, appliedLsn, validation }
    if (fenced || round === ROUNDS) throw stillWritten(changes, sequences.moved)
  }
}

function stillWritten(changes: number, moved: readonly string[]): ApplicationFailure {
  const what = moved.length > 0 ? `sequences moved (${moved.slice(0, 5).join(', ')})` : `${changes} changes were committed`
  return ApplicationFailure.nonRetryable(
    `After the cutover's marker ${what} on the source: somebody still writes. pgmove went back to incremental replication. Stop all writers, then send the signal cutover again.`,
    'FenceLeaked',
  )
}

interface Drain {
  readonly step: CutoverStep['step']
  readonly summary: string
  readonly fenced: boolean
  /** Behind which nobody may have written; default: the one that is taken now. */
  readonly marker?: string
}

async function drain(
  migration: Migration,
  ledger: CutoverLedger,
  { step, summary, fenced, marker }: Drain,
): Promise<{ lsn: string; changes: number; appliedLsn: string }> {
  const { lsn } = await ledger.step('takeMarker', () => migration.run('takeMarker', 'Take the marker LSN on the source', {}))
  const quietFrom = fenced ? (marker ?? lsn) : undefined
  return ledger.step(step, async () => {
    let changes = 0
    for (;;) {
      const result = await runChangeStream(migration, { summary: `${summary} to ${lsn}`, until: lsn, quietFrom })
      if (result === 'interrupted') continue
      changes += result.changes
      if (result.reason === 'until') return { lsn, changes, appliedLsn: result.position }
    }
  })
}
