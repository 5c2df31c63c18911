import type { CutoverLedger } from '../cutover-ledger.ts'
import type { DataResult } from '../data-result.ts'
import type { Migration } from '../migration.ts'
import { together } from '../together.ts'
import { withLimits } from '../with-pauses.ts'
import { validateCutover } from './validate-cutover.ts'
import type { CutoverValidation } from './validate-cutover.ts'

/** Histories of older builds verify before they bring up to date what no stream has. */
export const UNSTREAMED_FIRST = 'unstreamed-first'

/**
 * Brings up to date what no stream has, within the limits of the copy: before that, rows of unlogged tables may refer to rows that are there no more. Then
 * keys and definitions are verified, materialized views refreshed and the data of both sides compared, at once: none of them changes a table.
 */
export async function verifyAndValidate(
  migration: Migration,
  ledger: CutoverLedger,
  compared: DataResult | undefined,
): Promise<CutoverValidation> {
  const summary = 'Bring unlogged tables and large objects up to date'
  await ledger.step('copyUnstreamed', () =>
    withLimits(migration, () => migration.run('refreshViews', summary, { part: 'unstreamed' }, 'data')),
  )
  const [, , validation] = await together([
    () => verifyTarget(migration, ledger),
    () => ledger.step('refreshViews', () => migration.run('refreshViews', 'Refresh materialized views', { part: 'views' }, 'data')),
    () => ledger.step('validate', () => validateCutover(migration, compared)),
  ])
  return validation
}

export function verifyTarget(migration: Migration, ledger: CutoverLedger): Promise<void> {
  return ledger.step('verifyTarget', () =>
    migration.run('verifyTarget', 'Verify foreign keys, deferrable keys and definitions', {}, 'data'),
  )
}

/** Materialized views after what no stream has, in one. */
export async function refreshAll(migration: Migration, ledger: CutoverLedger): Promise<void> {
  const summary = 'Bring materialized views, unlogged tables and large objects up to date'
  await ledger.step('refreshViews', () => withLimits(migration, () => migration.run('refreshViews', summary, {}, 'data')))
}
