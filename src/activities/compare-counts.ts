import { compareLargeObjects } from '../large-objects/compare-large-objects.ts'
import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import { readNameMap } from '../state/name-map-record.ts'
import { compareRowCounts } from '../validate/row-counts.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/** Exact row counts, and sizes of large objects; see MigrationActivities. */
export function compareCounts(services: ActivityServices): MigrationActivities['compareCounts'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'counts')
    const target = await run.connect('target', 'counts')
    const tables = (await readMigratedTables(target, run.id)).filter(({ leftOut }) => leftOut === undefined)
    const counts = await compareRowCounts({
      source,
      target,
      tables,
      signal: run.signal,
      onProgress: (done, total) => (run.progress = { done, total }),
    })
    const { types } = run.spec
    const differing = [...counts.differing]
    if (types.includes('full') && (await selectsLargeObjects(source, run.spec, await readNameMap(target, run.id)))) {
      differing.push(...(await compareLargeObjects({ source, target, id: run.id, signal: run.signal })).differing)
    }
    await run.failpoint(FAILPOINTS.countsCompared)
    return { ...counts, differing: differing.slice(0, 50) }
  })
}
