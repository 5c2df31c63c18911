import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Check } from './check.ts'
import { CHECKS } from './checks.ts'
import { warning } from './finding.ts'
import { precheckItem } from './precheck-item.ts'
import type { PrecheckItem } from './precheck-item.ts'
import { readContext } from './precheck-context.ts'
import type { PrecheckArgs, PrecheckContext } from './precheck-context.ts'

export { precheckVerdict } from './precheck-verdict.ts'
export { unknownObjects } from './unknown-objects.ts'
export type { PrecheckItem } from './precheck-item.ts'

/**
 * Looks at both databases whether the migration can run, and changes nothing. One item for every check that matters for the
 * migration's types, in a fixed order.
 *
 * @throws MigrationError if a connection is lost, or if the catalogues themselves can't be read
 */
export async function runPrecheck(args: PrecheckArgs): Promise<PrecheckItem[]> {
  const context = await readContext(args)
  const items: PrecheckItem[] = []
  for (const check of CHECKS) {
    args.signal.throwIfAborted()
    if (check.applies?.(context) ?? true) items.push(await runCheck(check, context))
  }
  return items
}

async function runCheck({ name, expected, run }: Check, context: PrecheckContext): Promise<PrecheckItem> {
  try {
    return precheckItem(name, expected, await run(context))
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof MigrationError) || !canGoOn(error)) throw error
    const fix =
      'Remove the cause and run the precheck again (signal rerunPrecheck), or make sure by hand and go on with the item in "ignoreWarnings".'
    return precheckItem(name, expected, warning(`It could not be checked. ${error.message}`, fix))
  }
}

/** The server answered, and the next question has a chance: a missing right, a lock, a broken catalogue view. */
function canGoOn(error: MigrationError): boolean {
  return (
    sqlState(error) !== undefined && !['ConnectionLost', 'OutOfResources', 'AuthenticationFailed', 'DatabaseMissing'].includes(error.kind)
  )
}
