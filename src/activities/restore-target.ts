import { restoreTarget as restore } from '../cutover/restore-target.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Puts triggers, rules, identities, foreign keys on the target as on the source; see MigrationActivities. */
export function restoreTarget(services: ActivityServices): MigrationActivities['restoreTarget'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: false })
    const target = await run.connect('target', 'restore')
    const { id, signal } = run
    await restore({
      target,
      id,
      signal,
      onProgress: (done, total) => {
        run.progress = { done, total }
        void run.failpoint(FAILPOINTS.restoreBegun)
      },
    })
    await run.failpoint(FAILPOINTS.targetRestored)
  })
}
