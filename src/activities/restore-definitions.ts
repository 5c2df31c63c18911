import { restoreDefinitions as restore } from '../schema/restore-definitions.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** More only wait for each other in the target's catalogue. */
const MOST_JOBS = 4

/** Creates types, tables, views, sequences, functions on the target; see MigrationActivities. */
export function restoreDefinitions(services: ActivityServices): MigrationActivities['restoreDefinitions'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'definitions')
    return restore({
      target,
      id: run.id,
      signal: run.signal,
      jobs: Math.min(run.spec.copy.indexJobs, MOST_JOBS),
      openSession: (job) => run.connect('target', `definitions job ${job}`),
      onProgress: (done, total) => {
        run.progress = { done, total }
        void run.failpoint(FAILPOINTS.definitionsBegun)
      },
    })
  })
}
