import { verifyDeferrableKeys } from '../cutover/verify-deferrable-keys.ts'
import { verifyForeignKeys } from '../cutover/verify-foreign-keys.ts'
import type { Database } from '../postgres/connect.ts'
import { checkMissedDdl } from '../source/ddl-capture.ts'
import { checkDefinitionDrift } from '../source/definition-drift.ts'
import { note } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** That look at foreign keys. */
const MOST_SESSIONS = 8

/** Definitions, foreign keys, deferrable keys; see MigrationActivities. */
export function verifyTarget(services: ActivityServices): MigrationActivities['verifyTarget'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'verify')
    const target = await run.connect('target', 'verify')
    const { id, spec, signal } = run
    if (spec.ddl === 'capture') await checkMissedDdl(source)
    await checkDefinitionDrift(source, target, { id, spec, sameTypes: spec.types.includes('schema') })
    const beside: Database[] = []
    while (beside.length < Math.min(spec.copy.indexJobs, MOST_SESSIONS) - 1)
      beside.push(await run.connect('target', `verify ${beside.length + 2}`))
    await verifyForeignKeys({ target, beside, id, signal })
    const { unchecked } = await verifyDeferrableKeys({ target, id, signal })
    for (const key of unchecked) {
      await note(target, id, 'warning', key, 'This deferrable constraint was not checked for conflicts: it has expressions or a predicate.')
    }
    await run.failpoint(FAILPOINTS.targetVerified)
  })
}
