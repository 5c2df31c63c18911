import { putTargetBack as putBack } from '../cutover/restore-target.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['putTargetBack']>[0]

/** After cancel or failure; see MigrationActivities. */
export function putTargetBack(services: ActivityServices): MigrationActivities['putTargetBack'] {
  return migrationActivity(services, async (run, { outcome }: Input) => {
    const target = await run.connect('target', 'restore')
    const [state] = await target.query<{ there: string | null }>(`select to_regclass('pgmove.migration') as there`)
    if (!state?.there) return { left: [] }
    const left = await putBack(target, run.id)
    await updateMigrationRecord(target, run.id, { outcome: outcome.slice(0, 60), finished_at: new Date(run.services.now()).toISOString() })
    return { left: left.slice(0, 50).map(({ object, statement, reason }) => `${object} (${reason}): ${statement}`.slice(0, 400)) }
  })
}
