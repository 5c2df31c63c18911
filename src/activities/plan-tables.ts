import { withExpectedBytes } from '../copy/expected-bytes.ts'
import { planCopy } from '../copy/plan-copy.ts'
import { countLargeObjects, selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { establishNameMap } from '../mapping/read-name-map.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import { openMigrationRecord, readMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { closeAbandoned } from './close-abandoned.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Writes down which tables are migrated and which group copies each; see MigrationActivities. */
export function planTables(services: ActivityServices): MigrationActivities['planTables'] {
  return migrationActivity(services, async (run) => {
    const source = await run.connect('source', 'plan', { lockTimeoutMs: 2000 })
    const target = await run.connect('target', 'plan')
    await openMigrationRecord(target, run.ref)
    await closeAbandoned(run, target)
    const names = await establishNameMap(source, target, run.id, run.spec)
    const full = run.spec.types.includes('full')
    const { copy_planned: planned } = await readMigrationRecord(target, run.id)
    const selected = planned === 't' ? [] : await readSelectedTables(source, run.spec, names)
    const tables = full ? await withExpectedBytes({ source, targetVersion: target.version, tables: selected, names }) : selected
    const plan = await planCopy({
      target,
      id: run.id,
      tables,
      full,
      names,
      tableJobs: run.spec.copy.tableJobs,
    })
    const largeObjects = full && (await countLargeObjects(source)) > 0 && (await selectsLargeObjects(source, run.spec, names))
    await run.failpoint(FAILPOINTS.tablesPlanned)
    return {
      groups: plan.groups.map(({ group, tables: count, jobs, label }) => ({ group, tables: count, jobs, label })),
      tables: plan.tables,
      bytes: plan.bytes,
      largeObjects,
    }
  })
}
