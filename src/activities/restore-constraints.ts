import { canSetReplicaRole } from '../replication/replica-role.ts'
import { restoreAccess } from '../roles/restore-access.ts'
import { readTargetRoles } from '../roles/target-roles.ts'
import { restoreConstraints as restore } from '../schema/restore-constraints.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Foreign keys, triggers, rules, policies; see MigrationActivities. */
export function restoreConstraints(services: ActivityServices): MigrationActivities['restoreConstraints'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const target = await run.connect('target', 'constraints')
    const restored = await restore({
      target,
      id: run.id,
      replicaRole: await canSetReplicaRole(target),
      incremental: run.spec.types.includes('incremental'),
      empty: !run.spec.types.includes('full') && !run.spec.types.includes('incremental'),
      signal: run.signal,
      onProgress: (done, total) => {
        run.progress = { done, total }
        void run.failpoint(FAILPOINTS.constraintsBegun)
      },
    })
    // A superuser works on everybody's objects: what would lengthen the cutover is done before it. Others must own them until then.
    if ((await readTargetRoles(target)).superuser) {
      await restoreAccess({ target, id: run.id, signal: run.signal, wanted: ({ kind }) => kind !== 'setting' })
    }
    return { restored }
  })
}
