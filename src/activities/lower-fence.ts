import { lowerFence as lower } from '../source/fence.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Makes the source writable again; see MigrationActivities. */
export function lowerFence(services: ActivityServices): MigrationActivities['lowerFence'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'fence', { lockTimeoutMs: 2000 })
    await lower(source, run.id, run.signal)
    run.log('info', 'fence lowered')
    await run.failpoint(FAILPOINTS.fenceLowered)
  })
}
