import { ActivityFailure, ApplicationFailure, CancellationScope, CancelledFailure, sleep, TimeoutFailure } from '@temporalio/workflow'

/** Whether Temporal would have tried the activity again. Every error that pgmove means to be final is not retryable. */
function wouldRetry(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error
  return cause instanceof TimeoutFailure || (cause instanceof ApplicationFailure && !cause.nonRetryable)
}

/**
 * Calls an activity. Temporal does not retry one that was asked to cancel, so an attempt that loses its connection, or its
 * worker, in that very moment ends with an error that is none: it counts as cancelled, as it was asked to be.
 */
export async function cancelAware<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!wouldRetry(error)) throw error
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled while an attempt failed')
      await sleep('1 second', { summary: 'Before the activity is called again' })
    }
  }
}
