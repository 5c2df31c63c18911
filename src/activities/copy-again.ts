import { copyTables } from '../copy/copy-tables.ts'
import { qualified } from '../postgres/quote.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { takeOver } from '../replication/progress.ts'
import { joinPublication } from '../source/join-publication.ts'
import { waitForWriters } from '../source/wait-for-writers.ts'
import { recordBehind } from '../state/behind-tables.ts'
import { readCatchUpPosition, readMigratedTables } from '../state/migrated-table.ts'
import { markWholeChanged } from '../state/key-log.ts'
import { readMigrationRecord } from '../state/migration-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { logCopied } from './log-copied.ts'
import { migrationActivity } from './migration-activity.ts'

type Input = Parameters<MigrationActivities['copyAgain']>[0]

/** From then on it is told that somebody is waited for. */
const QUIET_MS = 10_000

/**
 * Copies the tables that are marked for it; see MigrationActivities. The slot keeps what the source commits meanwhile. From which position on
 * the stream goes on with a table is recorded with its copy. What was passed before must be in it: it is, once those who had written to the
 * table have become visible.
 */
export function copyAgain(services: ActivityServices): MigrationActivities['copyAgain'] {
  return migrationActivity(services, async (run, { beside }: Input) => {
    run.watchSlot({ needed: true })
    const source = await run.connect('source', 'copy again', { copiesOut: true })
    const sourceObserver = await run.connect('source', 'copy again watch')
    const control = await run.connect('target', 'copy again control')
    // Unless others' changes are applied beside it: ends the session of an attempt that still applies, which then can't commit any more.
    const target = await run.connect('target', beside === true ? 'copy again into' : 'apply')
    if (beside !== true) await takeOver(target, run.id)
    const record = await readMigrationRecord(target, run.id)
    const replicaRole = await canSetReplicaRole(target)
    const monitor = new CopyMonitor(run, control)
    return monitor.during(async () => {
      // Others may be marked meanwhile.
      for (;;) {
        const table = (await readMigratedTables(target, run.id)).find((one) => one.copyAgain !== undefined)
        if (!table) break
        const { sourceSchema, sourceTable, targetSchema, targetTable } = table
        await monitor.paused()
        const signal = AbortSignal.any([run.signal, monitor.signal])
        signal.throwIfAborted()
        const name = { schema: sourceSchema, table: sourceTable }
        await joinPublication(sourceObserver, { id: run.id, spec: run.spec, table: name, signal })
        const begun = services.now()
        const writersGone = () =>
          waitForWriters(sourceObserver, name, signal, async () => {
            run.progress = { table: `${sourceSchema}.${sourceTable}`, waitsFor: 'transactions that have written to it' }
            if (services.now() - begun < QUIET_MS) return
            const label = qualified(sourceSchema, sourceTable)
            await run.report({ warnings: [`The new copy of ${label} waits for transactions that have written to it and have not ended.`] })
          })
        // Also here, so that the target's transaction need not stay open for long.
        await writersGone()
        const [copied] = await copyTables({
          ...{ source, sourceObserver, target, replicaRole, signal, id: run.id, tables: [table], incremental: true },
          systemIdentifier: record.system_identifier,
          onBegin: (begun) => monitor.begin(begun),
          onProgress: (moved, bytes, rows) => {
            monitor.progress(moved, bytes, rows)
            void run.failpoint(FAILPOINTS.copyAgainBegun)
          },
          gate: (bytes, rows) => monitor.gate(bytes, rows),
          onStep: (step) => run.failpoint(step),
          beforeSnapshot: async () => {
            await recordBehind(target, run.id, name)
            await writersGone()
          },
        })
        monitor.done(table)
        if (copied) logCopied(run, table, copied)
        if (record.keys_logged === 't') await markWholeChanged(target, run.id, targetSchema, targetTable)
        await run.failpoint(FAILPOINTS.copiedAgain)
        await target.query(`analyze ${qualified(targetSchema, targetTable)}`)
      }
      return { catchUpTo: await readCatchUpPosition(target, run.id) }
    })
  })
}
