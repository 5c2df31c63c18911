import { setMaxListeners } from 'node:events'
import { Context } from '@temporalio/activity'
import { CancelledFailure } from '@temporalio/common'
import { errorPolicy } from '../errors/error-policy.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { activityFailure } from './activity-failure.ts'

const HEARTBEAT_MS = 1_000

/** One attempt: what it has to tell the next one, and how it learns of a cancel. */
export interface StandaloneRun<P> {
  readonly context: Context
  readonly signal: AbortSignal
  /** Kept in the heartbeat, so that a later attempt finds it. */
  progress: P | undefined
}

/** Makes an activity that belongs to no migration: heartbeats, and errors as failures whose type is their kind. `hint` says what happens next. */
export function standaloneActivity<I, R, P = never>(
  hint: string,
  body: (run: StandaloneRun<P>, input: I) => Promise<R>,
): (input: I) => Promise<R> {
  return async (input) => {
    const context = Context.current()
    const signal = context.cancellationSignal
    setMaxListeners(200, signal)
    const run: StandaloneRun<P> = { context, signal, progress: context.info.heartbeatDetails as P | undefined }
    const ticker = setInterval(() => context.heartbeat(run.progress), HEARTBEAT_MS)
    try {
      return await body(run, input)
    } catch (error) {
      context.heartbeat(run.progress)
      if (signal.aborted) throw signal.reason instanceof CancelledFailure ? signal.reason : new CancelledFailure('CANCELLED')
      throw failure(error, hint)
    } finally {
      clearInterval(ticker)
    }
  }
}

function failure(error: unknown, hint: string): unknown {
  if (!(error instanceof MigrationError)) return error
  const { kind, message, side } = error
  const retried = errorPolicy(kind) === 'retry'
  const named = new MigrationError(kind, message, { side, hint, cause: error })
  return activityFailure(named, { nonRetryable: !retried, ...(retried ? { retryDelayMs: 2_000 } : {}) })
}
