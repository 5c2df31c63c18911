import { allHandlersFinished, CancellationScope, condition, continueAsNew, isCancellation, workflowInfo } from '@temporalio/workflow'
import { validateSpec } from '../spec/validate-spec.ts'
import { CutoverLedger } from './cutover-ledger.ts'
import { setHandlers } from './handlers.ts'
import { invalidSpec } from './invalid-spec.ts'
import { applicationFailure, Migration } from './migration.ts'
import type { MetadataResult } from './metadata-result.ts'
import type { MigrationReport } from './migration-report.ts'
import { addError, addWarning, initialState, warningsOf } from './migration-state.ts'
import type { MigrationState } from './migration-state.ts'
import { constraints } from './phases/constraints.ts'
import { cutover } from './phases/cutover.ts'
import type { CutoverFacts } from './phases/cutover.ts'
import { full } from './phases/full.ts'
import { incremental } from './phases/incremental.ts'
import { precheck } from './phases/precheck.ts'
import { schema } from './phases/schema.ts'
import { cutList } from './status.ts'
import type { Phase } from './status.ts'
import { withinReconnectWindow } from './within-reconnect-window.ts'
import { withoutStack } from './without-stack.ts'

/** What one run hands to the next on continue-as-new; users send only the spec. */
export interface Carried {
  readonly state?: MigrationState
  /** History length at which to continue as new; for tests. Default: when the server suggests it. */
  readonly continueAsNewAfter?: number
}

/** How long the source is tried for after a cancel or a failure. */
const RELEASE_MS = 120_000
/** How long the catalogues may take to be compared at the end. */
const COMPARE_MS = 600_000

const PHASES: Readonly<Record<Exclude<Phase, 'done'>, (migration: Migration) => Promise<Phase | CutoverFacts>>> = {
  precheck,
  schema,
  full,
  constraints,
  incremental,
  cutover,
}

/** Moves a database. See the contract for the spec, the messages and the report. */
export async function migrateDatabase(input: unknown, carried: Carried = {}): Promise<MigrationReport> {
  const checked = validateSpec(input)
  if ('problems' in checked) throw withoutStack(invalidSpec(checked.problems))
  const migration = new Migration(checked.spec, { ...initialState(Date.now()), ...carried.state })
  setHandlers(migration)
  migration.show()
  void migration.showAttributes()
  try {
    const facts = await withinReconnectWindow(migration, () => runPhases(migration, input, carried))
    return await finish(migration, facts)
  } catch (error) {
    if (!isContinueAsNew(error)) await CancellationScope.nonCancellable(() => release(migration, error))
    throw withoutStack(error)
  }
}

/** The phase machine; the one place that continues as new, between phases and between rotations of the stream. */
async function runPhases(migration: Migration, input: unknown, carried: Carried): Promise<CutoverFacts | null> {
  const { state } = migration
  for (;;) {
    const { phase } = state
    if (phase === 'done') return null
    await migration.unpaused()
    const next = await PHASES[phase](migration)
    if (typeof next !== 'string') return next
    migration.enter(next)
    const { continueAsNewSuggested, historyLength } = workflowInfo()
    if (continueAsNewSuggested || historyLength > (carried.continueAsNewAfter ?? Infinity)) {
      await condition(allHandlersFinished)
      await continueAsNew<typeof migrateDatabase>(input, { ...carried, state })
    }
  }
}

async function finish(migration: Migration, facts: CutoverFacts | null): Promise<MigrationReport> {
  const { state } = migration
  // From here on nothing is undone: the target is in working order, and the source is let go whatever happens.
  const ledger = facts?.ledger ?? new CutoverLedger()
  const metadata = migration.has('schema') ? await ledger.step('compareMetadata', () => compareMetadata(migration)) : null
  const left = migration.has('incremental') ? await ledger.step('releaseSource', () => letGo(migration)) : []
  return CancellationScope.nonCancellable(async () => {
    migration.enter('done')
    const report = await migration.run('writeReport', 'Write the report', {
      facts: {
        durations: state.durations,
        cutover: facts && cutoverOf(facts),
        validation: facts?.validation ?? validationOfCopy(migration),
        metadata,
        sequences: { total: state.sequenceTotal, items: state.sequences },
        warnings: cutList(warningsOf(state)).items,
        left: [...fenceLeft(state), ...left],
      },
    })
    state.ended = 'completed'
    migration.touch()
    return report
  })
}

function cutoverOf({ fence, lsn, appliedLsn, downtimeMs, ledger }: CutoverFacts): MigrationReport['cutover'] {
  return { fence, lsn, appliedLsn, downtimeMs, steps: ledger.steps }
}

/** The one thing that is left on purpose, so that nobody writes to the old database by mistake. */
function fenceLeft({ fence }: MigrationState): string[] {
  return (fence?.statements ?? []).map((statement) => `fence readOnly (stays in force; this lifts it): ${statement}`)
}

/** What lifts a fence that stands, or may, on a source that could not be reached. */
function fenceNotLifted({ fence }: MigrationState): string[] {
  if (!fence) return []
  const unknown = [
    'begin read write; alter database … reset default_transaction_read_only; commit, where it is on, and the same for roles in it',
  ]
  return (fence.statements.length > 0 ? fence.statements : unknown).map((statement) => `fence readOnly (not lifted): ${statement}`)
}

/** Differences are told, not acted on; neither is a comparison that fails, or is cancelled: the migration is done. */
async function compareMetadata(migration: Migration): Promise<MetadataResult | null> {
  try {
    return await migration.runOnce('compareMetadata', 'Compare the catalogues', { own: true }, COMPARE_MS)
  } catch (error) {
    const reason = isCancellation(error) ? 'The migration was cancelled meanwhile.' : applicationFailure(error).message
    addWarning(migration.state, `The catalogues of source and target were not compared. ${reason}`)
    return null
  }
}

/**
 * Releases the source after the cutover. A source that can't be reached within the window, or a cancel, does not fail a
 * migration whose target is complete: what stays is named.
 */
async function letGo(migration: Migration): Promise<readonly string[]> {
  try {
    return (await withinReconnectWindow(migration, () => migration.run('releaseSource', 'Release the source', { completed: true }))).left
  } catch (error) {
    if (!isCancellation(error)) return noteLeft(migration, error)
  }
  return CancellationScope.nonCancellable(async () => {
    try {
      return (await migration.runOnce('releaseSource', 'Release the source', { completed: true }, RELEASE_MS)).left
    } catch (error) {
      return noteLeft(migration, error)
    }
  })
}

/** What may still be on a source that could not be released, with the statements that remove it. */
function noteLeft({ state }: Migration, error: unknown): readonly string[] {
  const { type, message } = applicationFailure(error)
  addError(state, { at: new Date().toISOString(), type: type ?? 'Internal', message })
  if (!state.slot) return []
  const { name } = state.slot
  return [
    `slot ${name} (not released): select pg_drop_replication_slot('${name}')`,
    `publication ${name.replace('dts_sync_', 'pgmove_')} (not released): drop publication ${name.replace('dts_sync_', 'pgmove_')}`,
    'schema pgmove (not released): drop schema pgmove cascade, if no other migration uses it',
  ]
}

/** Without incremental replication the rows are compared in the copy, under its snapshot. */
function validationOfCopy({ state, spec }: Migration): MigrationReport['validation'] {
  const { validate: method } = spec.cutover
  const compared = method === 'none' ? null : state.copied
  return compared ? { method, ...compared, differing: [] } : { method: 'none', tables: 0, rows: '0', differing: [] }
}

/** After a cancel or a failure that ends: the source is left as it was found, as far as it can be reached within 2 minutes. */
async function release(migration: Migration, error: unknown): Promise<void> {
  const { state } = migration
  const cancelled = isCancellation(error)
  const { type, message } = cancelled ? { type: 'Cancelled', message: 'The migration was cancelled.' } : applicationFailure(error)
  const begun = state.phase !== 'precheck'
  addError(state, { at: new Date().toISOString(), type: type ?? 'Internal', message })
  if (begun) {
    const left: string[] = []
    try {
      if (migration.has('incremental')) left.push(...(await migration.runOnce('releaseSource', 'Release the source', {}, RELEASE_MS)).left)
    } catch (problem) {
      left.push(...fenceNotLifted(state), ...noteLeft(migration, problem))
    }
    try {
      const extra = { outcome: type ?? 'Internal' }
      left.push(...(await migration.runOnce('putTargetBack', "Put the target's own objects back", extra, RELEASE_MS)).left)
    } catch (problem) {
      const failure = applicationFailure(problem)
      addError(state, { at: new Date().toISOString(), type: failure.type ?? 'Internal', message: failure.message })
    }
    for (const line of left) addWarning(state, `Left behind: ${line}`)
  }
  state.ended = 'failed'
  migration.touch()
}

function isContinueAsNew(error: unknown): boolean {
  return error instanceof Error && error.name === 'ContinueAsNew'
}
