import { detachForeignKeys } from '../copy/detach-foreign-keys.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'
import { replicationClientConfig } from '../postgres/replication-client-config.ts'
import { applyWithBisect } from '../replication/apply-with-bisect.ts'
import { openChangeStream } from '../replication/change-stream.ts'
import { takeOver } from '../replication/progress.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { checkSlot } from '../source/check-slot.ts'
import { checkMissedDdl } from '../source/ddl-capture.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { readMigrationRecord } from '../state/migration-record.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { FAILPOINTS } from './failpoints.ts'
import { MarkerWatch } from './marker-watch.ts'
import { migrationActivity } from './migration-activity.ts'
import { StreamMonitor } from './stream-monitor.ts'

type Input = Parameters<MigrationActivities['applyChanges']>[0]

/** After this time an attempt ends, so that workers can be replaced and the history shows a trail; the next one goes on. */
const ROTATE_MS = 3_600_000
/** The lag at which a cutover raises its fence. */
const NEARLY_NOTHING_MS = 500

/** Applies the change stream; see MigrationActivities. */
export function applyChanges(services: ActivityServices): MigrationActivities['applyChanges'] {
  return migrationActivity(services, async (run, { until, cutover, beside }: Input) => {
    const target = await run.connect('target', 'apply')
    const source = await run.connect('source', 'watch', { lockTimeoutMs: 2000 })
    const sourceConnection = await run.resolved('source')
    const record = await readMigrationRecord(target, run.id)
    const progress = await takeOver(target, run.id)
    await checkSlot({ source, sourceConnection, target, record, progress, signal: run.signal })
    if (run.spec.ddl === 'capture') await checkMissedDdl(source)
    await run.failpoint(FAILPOINTS.slotChecked)
    const tables = new Map((await readMigratedTables(target, run.id)).map((t) => [`${t.sourceSchema}\0${t.sourceTable}`, t]))
    const marked = [...tables.values()].filter((table) => table.copyAgain !== undefined)
    if (marked.length > 0 && beside !== true) {
      return { reason: 'copyAgain', position: formatLsn(progress.confirmedLsn), changes: 0 }
    }
    const replicaRole = await canSetReplicaRole(target)
    // Others may refer to rows that are passed over until the table's copy has them.
    for (const { targetSchema: schema, targetTable: table } of replicaRole ? [] : marked) {
      await detachForeignKeys({ target, id: run.id, schema, table, replicaRole })
    }
    const markers = cutover === undefined ? undefined : await MarkerWatch.start(run, cutover)
    // A fence is raised only when next to nothing is left to drain.
    const undelayedMs = Math.min(run.spec.lag.undelayedMs, markers ? NEARLY_NOTHING_MS : Infinity)
    const monitor = new StreamMonitor(run, source, record, { catchingUp: until !== null, undelayedMs })
    const rotate = new AbortController()
    const rotation = setTimeout(() => rotate.abort(), ROTATE_MS)
    const signal = AbortSignal.any([run.signal, monitor.signal, rotate.signal, ...(markers ? [markers.signal] : [])])
    try {
      monitor.start()
      run.log('info', 'stream begins', { slot: record.slot ?? undefined, lsn: formatLsn(progress.confirmedLsn), until: until ?? undefined })
      const result = await applyWithBisect({
        open: async (startLsn) =>
          openChangeStream({
            clientConfig: await replicationClientConfig(sourceConnection, {
              applicationName: run.applicationName('stream'),
              version: source.version,
              endpoint: source.endpoint,
              signal,
            }),
            slot: record.slot ?? '',
            publication: record.publication ?? '',
            startLsn,
            signal,
          }),
        target,
        id: run.id,
        tables,
        selection: run.spec.ddl === 'capture' ? run.spec : undefined,
        names: await readNameMap(target, run.id),
        progress,
        until: until === null ? undefined : parseLsn(until),
        markers,
        replicaRole,
        logKeys: record.keys_logged === 't',
        signal,
        onApplied: (applied) => {
          monitor.applied(applied)
          if (applied.changes === 0) return
          void run.failpoint(
            applied.again ? FAILPOINTS.behindCommitted : marked.length > 0 ? FAILPOINTS.othersCommitted : FAILPOINTS.groupCommitted,
          )
        },
        onRejoined: () => run.failpoint(FAILPOINTS.rejoined),
        onHeartbeat: ({ beat }) => monitor.beatArrived(beat ?? ''),
      })
      monitor.throwIfFailed()
      run.signal.throwIfAborted()
      markers?.throwIfFailed()
      if (result.reason === 'until') await markers?.prove()
      run.log('info', 'stream ends', { lsn: formatLsn(result.reached), reason: result.reason, changes: monitor.changes })
      await monitor.report(true)
      if (result.reason === 'until') await run.failpoint(FAILPOINTS.positionReached)
      return {
        reason: result.reason === 'aborted' ? 'rotated' : result.reason,
        position: formatLsn(result.reached),
        changes: monitor.changes,
      }
    } catch (error) {
      monitor.throwIfFailed()
      markers?.throwIfFailed()
      throw named(error, tables)
    } finally {
      clearTimeout(rotation)
      await markers?.stop()
      await monitor.stop()
    }
  })
}

/** The error with the source's name of the table that it names by the target's. */
function named(error: unknown, tables: ReadonlyMap<string, MigratedTable>): unknown {
  if (!(error instanceof MigrationError) || error.table === undefined || error.sourceTable !== undefined) return error
  const table = [...tables.values()].find(({ targetSchema, targetTable }) => qualified(targetSchema, targetTable) === error.table)
  if (!table) return error
  const { kind, message, side, lsn, hint } = error
  const sourceTable = { schema: table.sourceSchema, table: table.sourceTable }
  return new MigrationError(kind, message, { side, table: error.table, sourceTable, lsn, hint, cause: error })
}
