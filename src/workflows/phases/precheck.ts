import { ApplicationFailure, isCancellation } from '@temporalio/workflow'
import { errorPolicy } from '../../errors/error-policy.ts'
import { activity } from '../activity-options.ts'
import { cancelAware } from '../cancel-aware.ts'
import { applicationFailure } from '../migration.ts'
import type { Migration } from '../migration.ts'
import type { MigrationActivities } from '../migration-activities.ts'
import type { Phase } from '../status.ts'

/** Checks both databases. Items that did not pass wait for `resume`, or end the workflow when the spec says so. */
export async function precheck(migration: Migration): Promise<Phase> {
  const { state, spec } = migration
  for (;;) {
    const result = await check(migration)
    state.precheck = { status: result.status, items: result.items }
    migration.touch()
    if (result.verdict === 'go') break
    const open = result.items.filter((item) => item.status !== 'Passed')
    const failed = open.filter((item) => item.status === 'Failed')
    const list = (failed.length ? failed : open).map((item) => `${item.name} (found ${item.found}; ${item.fix})`).join('; ')
    const message = `The precheck did not pass; nothing was changed. ${failed.length ? 'Failed' : 'Warnings not ignored'}: ${list}`.slice(
      0,
      850,
    )
    if (!spec.precheck.wait) throw ApplicationFailure.nonRetryable(`${message}. Correct this and start again.`, 'PrecheckFailed')
    await migration.waitForOperator(
      'PrecheckFailed',
      `${message}. Correct this, then send the signal rerunPrecheck${failed.length ? '' : ', or accept it: rerunPrecheck with {"ignoreWarnings": true}'}.`,
    )
  }
  for (const item of state.precheck?.items ?? []) {
    if (item.status === 'Warning' && state.warnings.length < 200) state.warnings.push(`${item.name}: ${item.found}`)
  }
  return 'schema'
}

/** With `precheck.wait` false, what would wait for the operator (a wrong password, say) ends the workflow too. */
async function check(migration: Migration): Promise<Awaited<ReturnType<MigrationActivities['precheck']>>> {
  const summary = 'Check both databases'
  const { ignoreWarnings } = migration
  if (migration.spec.precheck.wait) return migration.run('precheck', summary, { ignoreWarnings })
  try {
    return await cancelAware(() => activity('precheck', summary)({ ...migration.input, ignoreWarnings }))
  } catch (error) {
    if (isCancellation(error)) throw error
    const failure = applicationFailure(error)
    if (errorPolicy(failure.type ?? 'Internal') !== 'wait') throw failure
    throw ApplicationFailure.nonRetryable(
      `The precheck did not pass; nothing was changed. ${failure.type}: ${failure.message}`,
      'PrecheckFailed',
    )
  }
}
