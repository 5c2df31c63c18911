import { undoRestore as undo } from '../cutover/undo-restore.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Switches off again what restoreTarget has switched on; see MigrationActivities. */
export function undoRestore(services: ActivityServices): MigrationActivities['undoRestore'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'restore')
    await undo({ target, id: run.id, signal: run.signal })
    await run.failpoint(FAILPOINTS.restoreUndone)
  })
}
