import { copyBatches } from '../copy/copy-batches.ts'
import { copyTables } from '../copy/copy-tables.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { restoreIndexes } from '../schema/restore-indexes.ts'
import { markIndexed, readMigratedTables } from '../state/migrated-table.ts'
import { readMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['copyGroup']>[0]

/** Copies the tables of one group and builds their indexes; see MigrationActivities. */
export function copyGroup(services: ActivityServices): MigrationActivities['copyGroup'] {
  return migrationActivity(services, async (run, { group }: Input) => {
    const source = await run.connect('source', `copy ${group}`)
    const sourceObserver = await run.connect('source', `copy ${group} watch`)
    const target = await run.connect('target', `copy ${group}`)
    const control = await run.connect('target', `copy ${group} control`)
    const record = await readMigrationRecord(target, run.id)
    const replicaRole = await canSetReplicaRole(target)
    const monitor = new CopyMonitor(run, control)
    let rows = 0n
    let bytes = 0n
    try {
      await monitor.start()
      const tables = await readMigratedTables(target, run.id, group)
      for (const batch of copyBatches(tables.filter(({ copiedAt }) => copiedAt === undefined))) {
        await monitor.paused()
        const signal = AbortSignal.any([run.signal, monitor.signal])
        signal.throwIfAborted()
        const copied = await copyTables({
          source,
          sourceObserver,
          target,
          id: run.id,
          tables: batch,
          incremental: run.spec.types.includes('incremental'),
          replicaRole,
          systemIdentifier: record.system_identifier,
          signal,
          onBegin: (table) => monitor.begin(table),
          onProgress: (table, sentBytes, sentRows) => {
            monitor.progress(table, sentBytes, sentRows)
            void run.failpoint(FAILPOINTS.tableBegun)
          },
          gate: () => monitor.paused(),
        })
        for (const table of batch) monitor.done(table)
        for (const result of copied) {
          rows += BigInt(result.rows)
          bytes += BigInt(result.bytes)
        }
        await run.failpoint(FAILPOINTS.tableCopied)
      }
      for (const table of tables.filter(({ indexedAt }) => indexedAt === undefined)) {
        await monitor.paused()
        const signal = AbortSignal.any([run.signal, monitor.signal])
        signal.throwIfAborted()
        const name = { schema: table.targetSchema, name: table.targetTable }
        if (run.spec.types.includes('schema')) await restoreIndexes({ target, id: run.id, table: name, signal })
        await run.failpoint(FAILPOINTS.tableIndexed)
        await markIndexed(target, run.id, table)
      }
    } catch (error) {
      monitor.throwIfFailed()
      throw error
    } finally {
      await monitor.stop()
    }
    return { rows: String(rows), bytes: String(bytes) }
  })
}
