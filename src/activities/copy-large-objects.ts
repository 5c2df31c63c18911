import { syncLargeObjects } from '../large-objects/sync-large-objects.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Copies large objects beside the tables; see MigrationActivities. */
export function copyLargeObjects(services: ActivityServices): MigrationActivities['copyLargeObjects'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'copy large objects')
    const target = await run.connect('target', 'copy large objects')
    const monitor = new CopyMonitor(run, await run.connect('target', 'copy large objects control'))
    return monitor.during(async () => {
      await monitor.paused()
      const { objects } = await syncLargeObjects({
        ...{ source, target, id: run.id, existing: run.spec.existing, roles: run.spec.roles, mode: 'copy', withinSnapshot: false },
        signal: AbortSignal.any([run.signal, monitor.signal]),
        onProgress: largeObjectProgress(run),
        gate: (bytes) => monitor.gate(bytes, 0),
        onStep: () => run.failpoint(FAILPOINTS.largeObjectsBegun),
      })
      return { objects }
    })
  })
}

/** Shows in the heartbeat how many have been written. */
export function largeObjectProgress(run: ActivityRun): (objects: number, bytes: number) => void {
  const sum = { largeObjects: 0, bytes: 0 }
  return (objects, bytes) => {
    sum.largeObjects += objects
    sum.bytes += bytes
    run.progress = { ...sum }
  }
}
