import { canSetReplicaRole } from '../replication/replica-role.ts'
import { prepareTargetTables } from '../schema/prepare-target-tables.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Switches off on the target what must not act while data moves; see MigrationActivities. */
export function prepareTarget(services: ActivityServices): MigrationActivities['prepareTarget'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'tables')
    const incremental = run.spec.types.includes('incremental')
    await prepareTargetTables({ target, id: run.id, incremental, replicaRole: await canSetReplicaRole(target), signal: run.signal })
    await run.failpoint(FAILPOINTS.targetPrepared)
  })
}
