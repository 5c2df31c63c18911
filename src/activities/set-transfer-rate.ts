import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['setTransferRate']>[0]

/** Tells running copies how much they may move: they look at the migration's record on the target every second. */
export function setTransferRate(services: ActivityServices): MigrationActivities['setTransferRate'] {
  return migrationActivity(services, async (run, { rate }: Input) => {
    const target = await run.connect('target', 'rate control')
    await updateMigrationRecord(target, run.id, {
      megabytes_per_second: rate.megabytesPerSecond === null ? null : String(rate.megabytesPerSecond),
      rows_per_second: rate.rowsPerSecond === null ? null : String(rate.rowsPerSecond),
    })
  })
}
