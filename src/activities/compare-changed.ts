import { recordChangedKeys } from '../replication/changed-keys.ts'
import { forgetTaken, putBackKeyLog, takeKeyLog } from '../state/key-log.ts'
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
  return migrationActivity(services, async (run, { streaming = false }: Parameters<MigrationActivities['compareChanged']>[0]) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'validate')
    const target = await run.connect('target', 'validate')
    const pairs = (await readMigratedTables(target, run.id)).filter(({ leftOut }) => leftOut === undefined)
    const unlogged = await unloggedTables(source)
    await (streaming ? takeKeyLog(target, run.id) : putBackKeyLog(target, run.id))
    let kept = false
    const { tables, rows, differing } = await compare({
      source,
      target,
      id: run.id,
      passKeyless: streaming,
      log: streaming ? 'rechecked_key' : 'changed_key',
      pairs: streaming ? pairs.filter(({ sourceSchema, sourceTable }) => !unlogged.has(`${sourceSchema}\0${sourceTable}`)) : pairs,
      whole: ({ sourceSchema, sourceTable }) => unlogged.has(`${sourceSchema}\0${sourceTable}`),
      // Behind the marker nobody writes, and all is applied.
      ...streamPosition(source, target, streaming ? [run.id] : [], run.signal),
      ...(streaming && { onUndecided: (some) => recordChangedKeys(target, run.id, some) }),
      signal: run.signal,
      onProgress: (done, total) => (run.progress = { done, total }),
      onDifferences: async (differences) => {
        kept = (await recordDataDifferences(target, run.id, differences)) || kept
      },
    })
    if (streaming) await forgetTaken(target, run.id)
    else await run.failpoint(FAILPOINTS.countsCompared)
    return { tables, rows, differing: cutList(differing), kept: kept ? dataDifferencesQuery(run.id) : null }
  })
}
