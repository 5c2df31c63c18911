import { closeKeyLog, openKeyLog } from '../state/key-log.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['logKeys']>[0]

/** Has the keys of changed rows written down, or not; see MigrationActivities. */
export function logKeys(services: ActivityServices): MigrationActivities['logKeys'] {
  return migrationActivity(services, async (run, { open }: Input) => {
    const target = await run.connect('target', 'key log')
    await (open ? openKeyLog(target, run.id) : closeKeyLog(target, run.id))
  })
}
