import { copyUnlogged } from '../copy/copy-unlogged.ts'
import { refreshMaterializedViews } from '../cutover/refresh-materialized-views.ts'
import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { syncLargeObjects } from '../large-objects/sync-large-objects.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { largeObjectProgress } from './copy-large-objects.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Unlogged tables and large objects, which are not streamed, and materialized views; see MigrationActivities. */
export function refreshViews(services: ActivityServices): MigrationActivities['refreshViews'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'views')
    const target = await run.connect('target', 'views')
    const { types } = run.spec
    if (types.includes('full') && types.includes('incremental')) {
      await copyUnlogged({
        source,
        sourceObserver: await run.connect('source', 'views watch'),
        target,
        id: run.id,
        tables: await readSelectedTables(source, run.spec),
        replicaRole: await canSetReplicaRole(target),
        signal: run.signal,
      })
    }
    const names = await readNameMap(target, run.id)
    const largeObjects =
      types.includes('full') && types.includes('incremental') && (await selectsLargeObjects(source, run.spec, names))
        ? await syncLargeObjects({
            ...{ source, target, id: run.id, signal: run.signal },
            ...{ existing: run.spec.existing, roles: run.spec.roles, mode: 'final', withinSnapshot: false },
            onProgress: largeObjectProgress(run),
            onStep: () => run.failpoint(FAILPOINTS.largeObjectsBegun),
          })
        : null
    const refreshed = await refreshMaterializedViews({
      source,
      target,
      spec: run.spec,
      names,
      signal: run.signal,
    })
    await run.failpoint(FAILPOINTS.viewsRefreshed)
    return { refreshed, largeObjects }
  })
}
