import type { Finding } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'

/** One thing that the precheck looks at. It changes nothing. */
export interface Check {
  /** Name of the item. */
  readonly name: string
  readonly expected: string
  /** Whether it matters for this migration; default: always. */
  readonly applies?: (context: PrecheckContext) => boolean
  /** Errors of PostgreSQL, such as a missing right to look, make it an item that could not be checked. */
  readonly run: (context: PrecheckContext) => Promise<Finding>
}
