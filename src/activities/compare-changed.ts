import { readMigratedTables } from '../state/migrated-table.ts'
import { recordDataDifferences, dataDifferencesQuery } from '../state/validation-record.ts'
import { compareChanged as compare } from '../validate/data/compare-changed.ts'
import { streamPosition } from '../validate/data/stream-position.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import { cutList } from '../workflows/status.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'
import { unloggedTables } from './compared-pairs.ts'

/** Compares what the stream has changed since the data was compared; see MigrationActivities. */
export function compareChanged(services: ActivityServices): MigrationActivities['compareChanged'] {
  return migrationActivity(services, async (run) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'validate')
    const target = await run.connect('target', 'validate')
    const pairs = (await readMigratedTables(target, run.id)).filter(({ leftOut }) => leftOut === undefined)
    const unlogged = await unloggedTables(source)
    let kept = false
    const { tables, rows, differing } = await compare({
      source,
      target,
      id: run.id,
      pairs,
      whole: ({ sourceSchema, sourceTable }) => unlogged.has(`${sourceSchema}\0${sourceTable}`),
      // Behind the marker nobody writes, and all is applied.
      ...streamPosition(source, target, [], run.signal),
      signal: run.signal,
      onProgress: (done, total) => (run.progress = { done, total }),
      onDifferences: async (differences) => {
        kept = (await recordDataDifferences(target, run.id, differences)) || kept
      },
    })
    await run.failpoint(FAILPOINTS.countsCompared)
    return { tables, rows, differing: cutList(differing), kept: kept ? dataDifferencesQuery(run.id) : null }
  })
}
