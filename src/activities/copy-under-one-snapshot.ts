import { finishIndexes } from '../copy/build-indexes.ts'
import { copyTables } from '../copy/copy-tables.ts'
import { setIndexMemory } from '../copy/index-settings.ts'
import { JobLimit } from '../copy/job-limit.ts'
import { forgetCopies, openSharedSnapshot } from '../copy/shared-snapshot.ts'
import { serverIdentity, snapshotIdentity } from '../copy/snapshot-identity.ts'
import { compareLargeObjects } from '../large-objects/compare-large-objects.ts'
import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { syncLargeObjects } from '../large-objects/sync-large-objects.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { markIndexed, readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { largeObjectProgress } from './copy-large-objects.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { migrationActivity } from './migration-activity.ts'

/**
 * Copies all tables and large objects under one snapshot, held by this attempt; see MigrationActivities. An attempt that ends early loses the
 * snapshot; the next one takes a new one, and copies everything again unless nothing was written in between.
 */
export function copyUnderOneSnapshot(services: ActivityServices): MigrationActivities['copyUnderOneSnapshot'] {
  return migrationActivity(services, async (run) => {
    const control = await run.connect('target', 'copy control')
    const tables = (await readMigratedTables(control, run.id)).filter(({ leftOut }) => leftOut === undefined)
    // Opening them ends those of an older attempt, which else could record one more copy under its own snapshot.
    const lanes = await openLanes(run, Math.max(1, Math.min(run.spec.copy.tableJobs, tables.length)))
    const [first, ...others] = lanes.map(({ source }) => source)
    if (!first) return { tables: 0, rows: '0', bytes: '0', differing: [] }
    const withLargeObjects = await selectsLargeObjects(first, run.spec, await readNameMap(control, run.id))
    const server = await serverIdentity(first)
    const snapshot = await openSharedSnapshot([first, ...others], tables, run.signal)
    await forgetCopies(control, run.id, await snapshotIdentity(first, server, run.signal))
    const monitor = new CopyMonitor(run, control)
    const failed = new AbortController()
    const signal = AbortSignal.any([run.signal, monitor.signal, failed.signal])
    const building = new JobLimit(run.spec.copy.indexJobs)
    const copied: { table: MigratedTable; rows: bigint; bytes: bigint; counted: bigint }[] = []
    const differing: string[] = []
    await monitor.during(async () => {
      const work = lanes.map(async (lane, number) => {
        try {
          for (const table of snapshot.shares[number] ?? []) {
            await monitor.paused()
            signal.throwIfAborted()
            copied.push(await copyOne(run, lane, { table, monitor, building, signal }))
          }
        } catch (error) {
          failed.abort(error)
          throw error
        }
      })
      const results = await Promise.allSettled(work)
      if (results.some(({ status }) => status === 'rejected')) throw failed.signal.reason
      if (withLargeObjects && lanes[0]) differing.push(...(await copyLargeObjects(run, lanes[0], monitor, signal)))
      await snapshot.release()
    })
    const tablesDiffering = copied.filter(({ rows, counted }) => rows !== counted).map(({ table }) => table)
    differing.unshift(...tablesDiffering.map(({ sourceSchema, sourceTable }) => qualified(sourceSchema, sourceTable)))
    // To copy everything again once the operator resumes, also if nothing is written on the source until then.
    if (differing.length > 0) await updateMigrationRecord(control, run.id, { copy_snapshot: null })
    return {
      tables: copied.length,
      rows: String(copied.reduce((sum, { rows }) => sum + rows, 0n)),
      bytes: String(copied.reduce((sum, { bytes }) => sum + bytes, 0n)),
      differing,
    }
  })
}

interface Lane {
  readonly source: Database
  readonly sourceObserver: Database
  readonly target: Database
  readonly replicaRole: boolean
}

async function openLanes(run: ActivityRun, count: number): Promise<Lane[]> {
  const lanes: Lane[] = []
  for (let number = 0; number < count; number++) {
    const target = await run.connect('target', `copy lane ${number}`)
    const source = await run.connect('source', `copy lane ${number}`)
    await setIndexMemory(target, run.spec.copy.indexJobs)
    const sourceObserver = await run.connect('source', `copy lane ${number} watch`)
    lanes.push({ source, sourceObserver, target, replicaRole: await canSetReplicaRole(target) })
  }
  return lanes
}

/** In the transaction of the first lane, which has the snapshot. Tells which differ all the same. */
async function copyLargeObjects(run: ActivityRun, { source, target }: Lane, monitor: CopyMonitor, signal: AbortSignal): Promise<string[]> {
  const { existing, roles } = run.spec
  await syncLargeObjects({
    ...{ source, target, id: run.id, existing, roles, mode: 'final', withinSnapshot: true, signal },
    onProgress: largeObjectProgress(run),
    gate: (bytes) => monitor.gate(bytes, 0),
    onStep: () => run.failpoint(FAILPOINTS.largeObjectsBegun),
  })
  if (run.spec.cutover.validate === 'none') return []
  return (await compareLargeObjects({ source, target, id: run.id, signal })).differing
}

interface OneCopy {
  readonly table: MigratedTable
  readonly monitor: CopyMonitor
  /** Bounds the index builds of all lanes. */
  readonly building: JobLimit
  readonly signal: AbortSignal
}

async function copyOne(run: ActivityRun, lane: Lane, { table, monitor, building, signal }: OneCopy) {
  const { source, sourceObserver, target, replicaRole } = lane
  const [result] = await copyTables({
    source,
    sourceObserver,
    target,
    id: run.id,
    tables: [table],
    incremental: false,
    replicaRole,
    signal,
    onBegin: (begun) => monitor.begin(begun),
    onProgress: (_, bytes, rows) => {
      monitor.progress(table, bytes, rows)
      void run.failpoint(FAILPOINTS.tableBegun)
    },
    gate: (sentBytes, sentRows) => monitor.gate(sentBytes, sentRows),
    onStep: (step) => run.failpoint(step),
  })
  monitor.done(table)
  await run.failpoint(FAILPOINTS.tableCopied)
  const { targetSchema, targetTable } = table
  await building.within(() =>
    finishIndexes({ target, id: run.id, signal, onStep: (step) => run.failpoint(step) }, [table], run.spec.types.includes('schema')),
  )
  await run.failpoint(FAILPOINTS.tableIndexed)
  await markIndexed(target, run.id, [table])
  await run.failpoint(FAILPOINTS.indexesMarked)
  const rows = BigInt(result?.rows ?? 0)
  const bytes = BigInt(result?.bytes ?? 0)
  if (run.spec.cutover.validate === 'none') return { table, rows, bytes, counted: rows }
  const [count] = await target.query<{ n: string }>(`select count(*) as n from only ${qualified(targetSchema, targetTable)}`)
  return { table, rows, bytes, counted: BigInt(count?.n ?? 0) }
}
