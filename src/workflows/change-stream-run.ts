import { CancellationScope, condition, isCancellation } from '@temporalio/workflow'
import { errorPolicy } from '../errors/error-policy.ts'
import { activity } from './activity-options.ts'
import { applicationFailure } from './migration.ts'
import type { Migration } from './migration.ts'
import type { StreamResult } from './migration-activities.ts'

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
  const interrupted = options.interrupted ?? (() => false)
  for (;;) {
    await migration.unpaused()
    if (interrupted()) return 'interrupted'
    const scope = new CancellationScope()
    let settled = false
    const work = scope
      .run(() => activity('applyChanges', options.summary, 'data')({ ...migration.input, until: options.until }))
      .finally(() => {
        settled = true
      })
    // A rejection is looked at below; until then it must not count as unhandled.
    work.catch(() => undefined)
    try {
      await condition(() => settled || migration.state.paused || interrupted())
    } catch (error) {
      await work.catch(() => undefined)
      throw error
    }
    if (!settled) scope.cancel()
    try {
      return await work
    } catch (error) {
      if (isCancellation(error)) {
        if (CancellationScope.current().consideredCancelled) throw error
        continue
      }
      const failure = applicationFailure(error)
      if (errorPolicy(failure.type ?? 'Internal') !== 'wait') throw failure
      await migration.waitForOperator(failure.type ?? 'Internal', failure.message)
    }
  }
}
