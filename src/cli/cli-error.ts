import { EXIT } from './exit-code.ts'
import type { ExitCode } from './exit-code.ts'

/** Why a command ends without what it was to do. The message says what to do next, and never holds a secret. */
export class CliError extends Error {
  readonly code: ExitCode
  /** For `--json`: what is wrong in one word, such as `InvalidSpec`. */
  readonly type: string
  /** For `--json`: more than the message. */
  readonly details: unknown

  constructor(code: ExitCode, type: string, message: string, options: { readonly details?: unknown; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CliError'
    this.code = code
    this.type = type
    this.details = options.details
  }
}

/** Bad usage: an argument or an option that is wrong. */
export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, 'Usage', message)
}
