import { establishNameMap } from '../mapping/read-name-map.ts'
import { dumpDefinitions as dump } from '../schema/dump-definitions.ts'
import { openMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { closeAbandoned } from './close-abandoned.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Dumps the source's definitions into the target's state; see MigrationActivities. */
export function dumpDefinitions(services: ActivityServices): MigrationActivities['dumpDefinitions'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'definitions', { lockTimeoutMs: 2000 })
    const target = await run.connect('target', 'definitions')
    await openMigrationRecord(target, run.ref)
    await closeAbandoned(run, target)
    const dumped = await dump({
      source,
      sourceConnection: await run.resolved('source'),
      target,
      targetConnection: await run.resolved('target'),
      id: run.id,
      spec: run.spec,
      names: await establishNameMap(source, target, run.id, run.spec),
      roles: run.spec.roles,
      signal: run.signal,
    })
    await run.failpoint(FAILPOINTS.definitionsDumped)
    return dumped
  })
}
