import { isCancellation } from '@temporalio/workflow'
import { errorPolicy } from '../errors/error-policy.ts'
import { activity } from './activity-options.ts'
import { cancelAware } from './cancel-aware.ts'
import { INTERRUPTED, interruptible } from './interruptible.ts'
import { applicationFailure } from './migration.ts'
import type { Migration } from './migration.ts'
import type { StreamResult } from './migration-activities.ts'
import { forgetStream } from './migration-state.ts'

export interface StreamOptions {
  readonly summary: string
  /** LSN up to which changes are applied; null streams on. */
  readonly until: string | null
  /** Stops the stream as soon as it is true. */
  readonly interrupted?: () => boolean
}

/**
 * Applies the change stream until `until` is reached, until the attempt rotates, or until `interrupted`. A pause cancels the
 * activity and waits for its end, so that nobody applies while the workflow believes that nobody does; `resume` begins it
 * again from the target's progress.
 */
export async function runChangeStream(migration: Migration, options: StreamOptions): Promise<StreamResult | 'interrupted'> {
  const { state } = migration
  const interrupted = options.interrupted ?? (() => false)
  for (;;) {
    await migration.unpaused()
    if (interrupted()) return 'interrupted'
    try {
      const result = await interruptible(
        () => cancelAware(() => activity('applyChanges', options.summary, 'data')({ ...migration.input, until: options.until })),
        () => state.paused || interrupted(),
      )
      if (result !== INTERRUPTED) return result
      if (!state.paused && interrupted()) return 'interrupted'
      // A lag measured before the pause must not let a cutover begin after it.
      forgetStream(state)
    } catch (error) {
      if (isCancellation(error)) throw error
      const failure = applicationFailure(error)
      if (errorPolicy(failure.type ?? 'Internal') !== 'wait') throw failure
      await migration.waitForOperator(failure.type ?? 'Internal', failure.message)
    }
  }
}
