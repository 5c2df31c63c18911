import { copyUnlogged } from '../copy/copy-unlogged.ts'
import { refreshMaterializedViews } from '../cutover/refresh-materialized-views.ts'
import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { syncLargeObjects } from '../large-objects/sync-large-objects.ts'
import type { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { largeObjectProgress } from './copy-large-objects.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['refreshViews']>[0]

/** Unlogged tables and large objects, which are not streamed, and materialized views; see MigrationActivities. */
export function refreshViews(services: ActivityServices): MigrationActivities['refreshViews'] {
  return migrationActivity(services, async (run, { part }: Input) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', part ?? 'views', { copiesOut: part !== 'views' })
    const target = await run.connect('target', part ?? 'views')
    const { types } = run.spec
    const names = await readNameMap(target, run.id)
    const unstreamed = part !== 'views' && types.includes('full') && types.includes('incremental')
    const largeObjects = unstreamed ? await moveUnstreamed(run, { source, target, names }) : null
    if (part === 'unstreamed') return { refreshed: 0, largeObjects }
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

/** Copies what no stream has, within the limits of the copy. Null if no large objects go along. */
async function moveUnstreamed(run: ActivityRun, { source, target, names }: { source: Database; target: Database; names: NameMap }) {
  // Its name makes it count among those that share the limits.
  const monitor = new CopyMonitor(run, await run.connect('target', 'copy of the rest control'), { reports: false })
  const sourceObserver = await run.connect('source', 'views watch')
  return monitor.during(async () => {
    const signal = AbortSignal.any([run.signal, monitor.signal])
    await copyUnlogged({
      ...{ source, sourceObserver, target, signal, id: run.id },
      tables: await readSelectedTables(source, run.spec),
      replicaRole: await canSetReplicaRole(target),
      onBegin: (table) => monitor.begin(table),
      onProgress: (table, bytes, rows) => monitor.progress(table, bytes, rows),
      onDone: (table) => monitor.done(table),
      gate: (bytes, rows) => monitor.gate(bytes, rows),
    })
    if (!(await selectsLargeObjects(source, run.spec, names))) return null
    return syncLargeObjects({
      ...{ source, target, signal, id: run.id },
      ...{ existing: run.spec.existing, roles: run.spec.roles, mode: 'final', withinSnapshot: false },
      onProgress: largeObjectProgress(run),
      gate: (bytes) => monitor.gate(bytes, 0),
      onStep: () => run.failpoint(FAILPOINTS.largeObjectsBegun),
    })
  })
}
