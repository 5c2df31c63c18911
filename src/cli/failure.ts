import type { ExitCode } from './exit-code.ts'
import { EXIT } from './exit-code.ts'

/** Why a workflow ended without a result. */
export interface Failure {
  /** As in the contract's list of failures; `Cancelled`, `Terminated` or `TimedOut` besides. */
  readonly type: string
  readonly message: string
}

/** What a failed workflow's result was rejected with; undefined for anything else, such as a request that failed. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error) || error.name !== 'WorkflowFailedError') return undefined
  let cause: unknown = error.cause
  while (isNamed(cause, 'ActivityFailure') && cause.cause) cause = cause.cause
  if (isNamed(cause, 'CancelledFailure')) return { type: 'Cancelled', message: 'It was cancelled.' }
  if (isNamed(cause, 'TerminatedFailure')) return { type: 'Terminated', message: cause.message || 'It was terminated.' }
  if (isNamed(cause, 'TimeoutFailure')) return { type: 'TimedOut', message: 'It did not end within its time limit.' }
  const { type, message } = (cause ?? error) as { type?: string | null; message: string }
  return { type: type ?? 'Internal', message }
}

/** A spec that is wrong and a precheck that found something have codes of their own. */
export function exitCodeOf({ type }: Failure): ExitCode {
  if (type === 'InvalidSpec') return EXIT.usage
  if (type === 'PrecheckFailed') return EXIT.waiting
  return type === 'TimedOut' ? EXIT.unreachable : EXIT.failed
}

function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
