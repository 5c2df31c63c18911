import { ApplicationFailure } from '@temporalio/workflow'

/** A failure as the Web UI shows it: where in pgmove it was made says nothing to an operator, unless it is a fault of pgmove itself. */
export function withoutStack<E>(error: E): E {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof ApplicationFailure && e.type !== 'Internal') e.stack = ''
  }
  return error
}
