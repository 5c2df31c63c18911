import { restoreObjects, restoreTarget as restore } from '../cutover/restore-target.ts'
import { restoreAccess } from '../roles/restore-access.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['restoreTarget']>[0]

/** Puts triggers, rules, identities, foreign keys on the target as on the source; see MigrationActivities. */
export function restoreTarget(services: ActivityServices): MigrationActivities['restoreTarget'] {
  return migrationActivity(services, async (run, { part }: Input) => {
    // What of it can be undone is done while the stream still needs the slot.
    run.watchSlot({ needed: part === 'objects' })
    const target = await run.connect('target', 'restore')
    const { id, signal } = run
    const work = part === 'objects' ? restoreObjects : part === 'access' ? restoreAccess : restore
    await work({
      target,
      id,
      signal,
      onProgress: (done, total) => {
        run.progress = { done, total }
        void run.failpoint(FAILPOINTS.restoreBegun)
      },
    })
    await run.failpoint(part === 'objects' ? FAILPOINTS.objectsRestored : FAILPOINTS.targetRestored)
  })
}
