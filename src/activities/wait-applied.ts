import { waitApplied as wait } from '../cutover/markers.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['waitApplied']>[0]

/** Waits for the stream that runs beside it; see MigrationActivities. */
export function waitApplied(services: ActivityServices): MigrationActivities['waitApplied'] {
  return migrationActivity(services, async (run, { lsn }: Input) => {
    const target = await run.connect('target', 'drain')
    const applied = await wait(target, run.id, lsn, run.signal)
    await run.failpoint(FAILPOINTS.drained)
    return { applied }
  })
}
