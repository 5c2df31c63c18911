import { CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow'
import { errorPolicy } from '../errors/error-policy.ts'
import { activity } from './activity-options.ts'
import { cancelAware } from './cancel-aware.ts'
import { INTERRUPTED, interruptible } from './interruptible.ts'
import { applicationFailure, tableOf } from './migration.ts'
import type { Migration } from './migration.ts'
import type { StreamResult } from './migration-activities.ts'
import { forgetStream } from './migration-state.ts'
import { withPauses } from './with-pauses.ts'

export interface StreamOptions {
  readonly summary: string
  /** LSN up to which changes are applied; null streams on. */
  readonly until: string | null
  /** Of a cutover behind a fence, which ends the stream by its markers. */
  readonly cutover?: string | undefined
  /** Stops the stream as soon as it is true, but not while tables are copied again beside it. */
  readonly interrupted?: () => boolean
  /** Whether the others' changes are applied while tables are copied again. Default: nobody applies any meanwhile. */
  readonly copiesBeside?: boolean
}

/** The stream goes on beside a table's new copy. */
const COPY_AGAIN_BESIDE = 'copy-again-beside-stream'

/**
 * Applies the change stream until `until` is reached, until the attempt rotates, or until `interrupted`. A pause cancels the
 * activity and waits for its end, so that nobody applies while the workflow believes that nobody does; `resume` begins it
 * again from the target's progress.
 */
export async function runChangeStream(migration: Migration, options: StreamOptions): Promise<StreamResult | 'interrupted'> {
  const { state } = migration
  const interrupted = options.interrupted ?? (() => false)
  let changes = 0
  for (;;) {
    await migration.unpaused()
    await migration.carryOut()
    if (interrupted()) return 'interrupted'
    const { catchUpTo } = state
    const until = catchUpTo ?? options.until
    const cutover = options.cutover === undefined || catchUpTo !== null ? {} : { cutover: options.cutover }
    const summary = catchUpTo === null ? options.summary : `Catch up to ${catchUpTo}, where all tables agree again`
    try {
      const result = await interruptible(
        () => cancelAware(() => activity('applyChanges', summary, 'data')({ ...migration.input, until, ...cutover })),
        () => state.paused || state.resolutions.length > 0 || interrupted(),
      )
      if (result !== INTERRUPTED) {
        changes += result.changes
        if (result.reason === 'copyAgain') {
          const beside = options.copiesBeside === true && patched(COPY_AGAIN_BESIDE)
          await (beside ? copyBesideStream(migration) : copyAgain(migration))
        } else if (result.reason === 'until' && catchUpTo !== null) await agree(migration)
        else return { ...result, changes }
        continue
      }
      if (!state.paused && interrupted()) return 'interrupted'
      // A lag measured before the pause must not let a cutover begin after it.
      forgetStream(state)
    } catch (error) {
      await waitIfAnswerable(migration, error)
    }
  }
}

/**
 * Copies the marked tables, and meanwhile applies what the others get. A cutover that is asked for waits. The first error that ends either
 * ends both and is thrown; both have ended in any case.
 */
async function copyBesideStream(migration: Migration): Promise<void> {
  const { state } = migration
  const scope = new CancellationScope()
  let copied = false
  let failure: { readonly error: unknown } | undefined
  state.copyingAgain = true
  const copying = scope
    .run(() => withPauses(migration, () => migration.run('copyAgain', 'Copy tables again beside the stream', { beside: true }, 'data')))
    .then(({ catchUpTo }) => void (state.catchUpTo = catchUpTo))
    .catch((error: unknown) => void (failure = { error }))
    .finally(() => (copied = true))
  try {
    await streamBeside(migration, () => copied)
  } catch (error) {
    scope.cancel()
    await copying
    throw error
  } finally {
    state.copyingAgain = false
    state.copying = []
    forgetStream(state)
    migration.touch()
  }
  await copying
  if (failure) throw failure.error
}

/** Applies what is not of the marked tables until they are copied. */
async function streamBeside(migration: Migration, copied: () => boolean): Promise<void> {
  const { state } = migration
  for (;;) {
    await migration.unpaused()
    await migration.carryOut()
    if (copied()) return
    try {
      const input = { ...migration.input, until: null, beside: true }
      const result = await interruptible(
        () => cancelAware(() => activity('applyChanges', 'Apply changes of the other tables', 'data')(input)),
        () => copied() || state.paused || state.resolutions.length > 0,
      )
      if (result !== INTERRUPTED && result.reason !== 'copyAgain') continue
      forgetStream(state)
      // DDL is made only while all tables have the same changes.
      if (result !== INTERRUPTED) await condition(() => copied() || state.resolutions.length > 0)
    } catch (error) {
      await waitIfAnswerable(migration, error)
    }
  }
}

/** Waits for the operator's answer to an error that waits for one; throws all others. */
async function waitIfAnswerable(migration: Migration, error: unknown): Promise<void> {
  if (isCancellation(error)) throw error
  const failure = applicationFailure(error)
  if (errorPolicy(failure.type ?? 'Internal') !== 'wait') throw failure
  await migration.waitForOperator(failure.type ?? 'Internal', failure.message, tableOf(failure))
}

/** Nobody applies changes meanwhile: what the source commits waits in its WAL. */
async function copyAgain(migration: Migration): Promise<void> {
  const { state } = migration
  forgetStream(state)
  const { catchUpTo } = await withPauses(migration, () => migration.run('copyAgain', 'Copy tables again', {}, 'data'))
  state.catchUpTo = catchUpTo
  migration.touch()
}

/** All tables agree again. */
async function agree(migration: Migration): Promise<void> {
  await migration.run('attachForeignKeys', 'Put back foreign keys that gave way to a copy', {}, 'data')
  migration.state.catchUpTo = null
}
