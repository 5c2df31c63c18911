import { refreshMaterializedViews } from '../cutover/refresh-materialized-views.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Materialized views; see MigrationActivities. */
export function refreshViews(services: ActivityServices): MigrationActivities['refreshViews'] {
  return migrationActivity(services, async (run) => {
    const source = await run.connect('source', 'views')
    const target = await run.connect('target', 'views')
    const refreshed = await refreshMaterializedViews({ source, target, signal: run.signal })
    await run.failpoint(FAILPOINTS.viewsRefreshed)
    return { refreshed }
  })
}
