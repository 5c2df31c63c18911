import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

/** Tells running copies to pause or to go on: they look at the migration's record on the target every second. */
export function setPaused(services: ActivityServices): MigrationActivities['setPaused'] {
  return migrationActivity(services, async (run, { paused }: Parameters<MigrationActivities['setPaused']>[0]) => {
    const target = await run.connect('target', 'control')
    await updateMigrationRecord(target, run.id, { paused: paused ? 't' : 'f' })
  })
}
