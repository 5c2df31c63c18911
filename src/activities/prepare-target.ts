import { prepareTargetTables } from '../schema/prepare-target-tables.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

/** Switches off on the target what must not act while data moves; see MigrationActivities. */
export function prepareTarget(services: ActivityServices): MigrationActivities['prepareTarget'] {
  return migrationActivity(services, async (run) => {
    const target = await run.connect('target', 'tables')
    const source = await run.connect('source', 'tables', { lockTimeoutMs: 2000 })
    await prepareTargetTables({ target, source, id: run.id, incremental: run.spec.types.includes('incremental') })
  })
}
