import { attachForeignKeys as attach } from '../copy/attach-foreign-keys.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'

/** Puts back the foreign keys that gave way to a copy; see MigrationActivities. */
export function attachForeignKeys(services: ActivityServices): MigrationActivities['attachForeignKeys'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'attach')
    return { attached: await attach(target, run.id) }
  })
}
