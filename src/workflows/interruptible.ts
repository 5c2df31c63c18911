import { CancellationScope, condition, isCancellation } from '@temporalio/workflow'

/** What `interruptible` gives if the work was interrupted. */
export const INTERRUPTED = Symbol('interrupted')

/**
 * Runs `work` in a scope of its own and cancels it as soon as `interrupted` holds. Waits for the work's end in any case, so
 * that nobody works on while the workflow believes that nobody does. A cancel from outside goes through.
 */
export async function interruptible<T>(work: () => Promise<T>, interrupted: () => boolean): Promise<T | typeof INTERRUPTED> {
  const scope = new CancellationScope()
  let settled = false
  const working = scope.run(work).finally(() => {
    settled = true
  })
  // A rejection is looked at below; until then it must not count as unhandled.
  working.catch(() => undefined)
  try {
    await condition(() => settled || interrupted())
  } catch (error) {
    await working.catch(() => undefined)
    throw error
  }
  if (!settled) scope.cancel()
  try {
    return await working
  } catch (error) {
    if (isCancellation(error) && !CancellationScope.current().consideredCancelled) return INTERRUPTED
    throw error
  }
}
