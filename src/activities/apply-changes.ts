import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { replicationClientConfig } from '../postgres/replication-client-config.ts'
import { applyStream } from '../replication/apply-stream.ts'
import { openChangeStream } from '../replication/change-stream.ts'
import { takeOver } from '../replication/progress.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { checkSlot } from '../source/check-slot.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import { readMigrationRecord } from '../state/migration-record.ts'
import type { MigrationInput, StreamResult } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { migrationActivity } from './migration-activity.ts'
import { StreamMonitor } from './stream-monitor.ts'

/** After this time an attempt ends at the next transaction boundary, so that workers can be replaced and the history shows a trail. */
const ROTATE_MS = 3_600_000

/** Applies the change stream; see MigrationActivities. */
export function applyChanges(services: ActivityServices): (input: MigrationInput & { until: string | null }) => Promise<StreamResult> {
  return migrationActivity(services, async (run, input: MigrationInput & { until: string | null }) => {
    const target = await run.connect('target', 'apply')
    const source = await run.connect('source', 'apply watch', { lockTimeoutMs: 2000 })
    const record = await readMigrationRecord(target, run.id)
    const progress = await takeOver(target, run.id)
    await checkSlot({ source, record, progress, signal: run.signal })
    const tables = new Map((await readMigratedTables(target, run.id)).map((t) => [`${t.sourceSchema}\0${t.sourceTable}`, t]))
    const monitor = new StreamMonitor(run, source, record, input.until !== null)
    const rotate = new AbortController()
    const rotation = input.until === null ? setTimeout(() => rotate.abort(), ROTATE_MS) : undefined
    try {
      await monitor.start()
      const result = await stream(run, {
        until: input.until === null ? undefined : parseLsn(input.until),
        progress,
        tables,
        target,
        slot: record.slot ?? '',
        publication: record.publication ?? '',
        monitor,
        signal: AbortSignal.any([run.signal, monitor.signal, rotate.signal]),
      })
      monitor.throwIfFailed()
      run.signal.throwIfAborted()
      await monitor.report(true)
      return { reason: result.reason === 'until' ? 'until' : 'rotated', position: formatLsn(result.reached), changes: monitor.changes }
    } catch (error) {
      monitor.throwIfFailed()
      throw error
    } finally {
      clearTimeout(rotation)
      await monitor.stop()
    }
  })
}
