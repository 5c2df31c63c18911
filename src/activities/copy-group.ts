import { indexJobs } from '../copy/build-indexes.ts'
import { copyBatches } from '../copy/copy-batches.ts'
import { copyInChunks } from '../copy/copy-in-chunks.ts'
import { copyTables, isOfOneTable } from '../copy/copy-tables.ts'
import type { CopiedTable, CopyTablesArgs } from '../copy/copy-tables.ts'
import type { MigrationError } from '../errors/migration-error.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { awaitsCopy, readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { readMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { logCopied } from './log-copied.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['copyGroup']>[0]

/** Copies the tables of one group; see MigrationActivities. */
export function copyGroup(services: ActivityServices): MigrationActivities['copyGroup'] {
  return migrationActivity(services, async (run, { group, jobs }: Input) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', `copy ${group}`, { copiesOut: true })
    const sourceObserver = await run.connect('source', `copy ${group} watch`)
    const target = await run.connect('target', `copy ${group}`)
    const control = await run.connect('target', `copy ${group} control`)
    const record = await readMigrationRecord(target, run.id)
    const monitor = new CopyMonitor(run, control)
    const replicaRole = await canSetReplicaRole(target)
    const tables = await readMigratedTables(target, run.id, group)
    let rows = 0n
    let bytes = 0n
    const refusals: MigrationError[] = []
    return monitor.during(async () => {
      for (const batch of copyBatches(tables.filter(awaitsCopy))) {
        await monitor.paused()
        const signal = AbortSignal.any([run.signal, monitor.signal])
        signal.throwIfAborted()
        const copied = await copyBatch(run, jobs, {
          ...{ source, sourceObserver, target, replicaRole, signal },
          id: run.id,
          tables: batch,
          incremental: run.spec.types.includes('incremental'),
          systemIdentifier: record.system_identifier,
          onBegin: (table) => monitor.begin(table),
          onProgress: (table, sentBytes, sentRows) => {
            monitor.progress(table, sentBytes, sentRows)
            void run.failpoint(FAILPOINTS.tableBegun)
          },
          gate: (sentBytes, sentRows) => monitor.gate(sentBytes, sentRows),
          onStep: (step) => run.failpoint(step),
        }).catch((error: unknown) => {
          if (!isOfOneTable(error)) throw error
          refusals.push(error)
          return []
        })
        for (const table of batch) monitor.done(table)
        for (const [i, result] of copied.entries()) {
          logCopied(run, batch[i], result)
          rows += BigInt(result.rows)
          bytes += BigInt(result.bytes)
        }
        await run.failpoint(FAILPOINTS.tableCopied)
      }
      if (refusals[0]) throw refusals[0]
      return { rows: String(rows), bytes: String(bytes), indexes: await jobsOf(run, target, tables) }
    })
  })
}

async function copyBatch(run: ActivityRun, jobs: number, args: CopyTablesArgs): Promise<CopiedTable[]> {
  const [table, ...others] = args.tables
  if (jobs < 2 || !table || others.length > 0) return copyTables(args)
  const openLane = async (job: number) => {
    const source = await run.connect('source', `copy ${table.group} job ${job}`, { copiesOut: true })
    const target = await run.connect('target', `copy ${table.group} job ${job}`)
    return {
      source,
      target,
      close: async () => {
        await run.close(source)
        await run.close(target)
      },
    }
  }
  return [await copyInChunks({ ...args, table, jobs, openLane })]
}

/** The indexes of a big table are built apart from each other. */
async function jobsOf(run: ActivityRun, target: CopyTablesArgs['target'], tables: readonly MigratedTable[]) {
  const [table, ...others] = tables
  if (!table || others.length > 0 || !run.spec.types.includes('schema') || table.indexedAt !== undefined) return []
  return indexJobs(target, run.id, table)
}
