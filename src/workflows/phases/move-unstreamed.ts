import type { Migration } from '../migration.ts'
import { withLimits } from '../with-pauses.ts'

/** What no stream has is brought up to date, within the limits of the copy; materialized views after it. */
export async function moveUnstreamed(migration: Migration): Promise<void> {
  const summary = 'Bring materialized views, unlogged tables and large objects up to date'
  await withLimits(migration, () => migration.run('refreshViews', summary, {}, 'data'))
}
