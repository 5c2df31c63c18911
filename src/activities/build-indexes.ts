import { buildIndex, finishIndexes } from '../copy/build-indexes.ts'
import type { BuildIndexesArgs } from '../copy/build-indexes.ts'
import { setIndexMemory } from '../copy/index-settings.ts'
import { markIndexed, readMigratedTables } from '../state/migrated-table.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { IndexProgress } from './index-progress.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['buildIndexes']>[0]

/** Builds one index of a table, or what is left of a group's; see MigrationActivities. */
export function buildIndexes(services: ActivityServices): MigrationActivities['buildIndexes'] {
  return migrationActivity(services, async (run, { group, entry }: Input) => {
    run.watchSlot({ needed: true })
    const purpose = `index ${group} ${entry ?? 'rest'}`
    const target = await run.connect('target', purpose)
    const control = await run.connect('target', `${purpose} control`)
    const monitor = new CopyMonitor(run, control, { beside: new IndexProgress(run, control, target.processId) })
    await monitor.during(async () => {
      await monitor.paused()
      const signal = AbortSignal.any([run.signal, monitor.signal])
      const args: BuildIndexesArgs = { target, id: run.id, signal, onStep: (step) => run.failpoint(step) }
      await setIndexMemory(target, run.spec.copy.indexJobs)
      if (entry !== null) await buildIndex(args, entry)
      else {
        const tables = (await readMigratedTables(target, run.id, group)).filter(({ indexedAt }) => indexedAt === undefined)
        await finishIndexes(args, tables, run.spec.types.includes('schema'))
        await run.failpoint(FAILPOINTS.tableIndexed)
        await markIndexed(target, run.id, tables)
        for (const table of tables) run.log('info', 'table indexed', { table: `${table.sourceSchema}.${table.sourceTable}` })
        await run.failpoint(FAILPOINTS.indexesMarked)
      }
    })
  })
}
