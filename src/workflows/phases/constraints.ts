import type { Migration } from '../migration.ts'
import { forgetStream } from '../migration-state.ts'
import type { Phase } from '../status.ts'

/** Foreign keys, triggers, rules, policies; without incremental replication this is also the end. */
export async function constraints(migration: Migration): Promise<Phase> {
  const { state } = migration
  if (migration.has('schema')) {
    // Without a copy, nothing has built the indexes yet.
    if (!migration.has('full')) await migration.run('finishCopy', 'Build indexes', {}, 'data')
    await migration.run('restoreConstraints', 'Create foreign keys, triggers, rules and policies', {}, 'data')
  }
  if (migration.has('incremental')) {
    // The catch-up may have been undelayed, hours ago: a cutover that was sent early waits for what is true now.
    forgetStream(state)
    return 'incremental'
  }
  if (migration.has('full')) {
    const { total, items } = await migration.run('setSequences', 'Set sequences', {})
    state.sequences = [...items]
    state.sequenceTotal = total
    await migration.run('refreshViews', 'Refresh materialized views', {}, 'data')
  }
  await migration.run('restoreTarget', 'Switch triggers and rules on; owners, grants and settings', {}, 'data')
  return 'done'
}
