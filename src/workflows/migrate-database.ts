import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow'
import { invalidSpecMessage } from '../spec/invalid-spec-message.ts'
import { validateSpec } from '../spec/validate-spec.ts'
import { setHandlers } from './handlers.ts'
import { applicationFailure, Migration } from './migration.ts'
import type { MigrationReport } from './migration-report.ts'
import { addError, initialState } from './migration-state.ts'
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

/** What one run hands to the next on continue-as-new; users send only the spec. */
export interface Carried {
  readonly state?: MigrationState
  /** History length at which to continue as new; for tests. Default: when the server suggests it. */
  readonly continueAsNewAfter?: number
}

/** How long the source is tried for after a cancel or a failure. */
const RELEASE_MS = 120_000

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
  if ('problems' in checked) {
    throw ApplicationFailure.create({
      message: invalidSpecMessage(checked.problems),
      type: 'InvalidSpec',
      nonRetryable: true,
      details: [checked.problems.slice(0, 50)],
    })
  }
  const migration = new Migration(checked.spec, carried.state ?? initialState(Date.now()))
  setHandlers(migration)
  migration.show()
  try {
    const facts = await runPhases(migration, input, carried)
    return await finish(migration, facts)
  } catch (error) {
    if (!isContinueAsNew(error)) await CancellationScope.nonCancellable(() => release(migration, error))
    throw error
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
  return CancellationScope.nonCancellable(async () => {
    const left = migration.has('incremental') ? (await migration.run('releaseSource', 'Release the source', {})).left : []
    migration.enter('done')
    const report = await migration.run('writeReport', 'Write the report', {
      facts: {
        durations: state.durations,
        cutover: facts && { lsn: facts.lsn, downtimeMs: facts.downtimeMs },
        validation: facts?.validation ?? validationOfCopy(migration),
        sequences: { total: state.sequenceTotal, items: state.sequences },
        warnings: cutList(state.warnings).items,
        left,
      },
    })
    state.ended = 'completed'
    migration.touch()
    return report
  })
}

/** Without incremental replication the rows are compared in the copy, under its snapshot. */
function validationOfCopy({ state, spec }: Migration): MigrationReport['validation'] {
  const compared = spec.cutover.validate === 'counts' ? state.copied : null
  return compared ? { method: 'counts', ...compared, differing: [] } : { method: 'none', tables: 0, rows: '0', differing: [] }
}

/** After a cancel or a failure that ends: the source is left as it was found, as far as it can be reached within 2 minutes. */
async function release(migration: Migration, error: unknown): Promise<void> {
  const { state } = migration
  const cancelled = isCancellation(error)
  const { type, message } = cancelled ? { type: 'Cancelled', message: 'The migration was cancelled.' } : applicationFailure(error)
  const begun = state.phase !== 'precheck'
  addError(state, { at: new Date().toISOString(), type: type ?? 'Internal', message })
  if (begun) {
    const steps = [
      () => migration.has('incremental') && migration.runOnce('releaseSource', 'Release the source', {}, RELEASE_MS),
      () => migration.runOnce('putTargetBack', "Put the target's own objects back", { outcome: type ?? 'Internal' }, RELEASE_MS),
    ]
    for (const step of steps) {
      try {
        const result = await step()
        if (result) for (const statement of result.left) state.warnings.push(`Left behind: ${statement}`)
      } catch (problem) {
        const failure = applicationFailure(problem)
        addError(state, { at: new Date().toISOString(), type: failure.type ?? 'Internal', message: failure.message })
      }
    }
  }
  state.ended = 'failed'
  migration.touch()
}

function isContinueAsNew(error: unknown): boolean {
  return error instanceof Error && error.name === 'ContinueAsNew'
}
