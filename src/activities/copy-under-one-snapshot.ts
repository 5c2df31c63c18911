import { buildIndex, finishIndexes, indexJobs } from '../copy/build-indexes.ts'
import type { CopiedTable } from '../copy/copy-record.ts'
import { SharedCopy } from '../copy/copy-shared.ts'
import type { SharedLane } from '../copy/copy-shared.ts'
import { forgetCrashed } from '../copy/forget-crashed.ts'
import { setIndexMemory } from '../copy/index-settings.ts'
import { SessionPool } from '../copy/session-pool.ts'
import { forgetCopies, openSharedSnapshot, planShared } from '../copy/shared-snapshot.ts'
import type { SharedSnapshot } from '../copy/shared-snapshot.ts'
import { serverIdentity, snapshotIdentity } from '../copy/snapshot-identity.ts'
import { compareLargeObjects } from '../large-objects/compare-large-objects.ts'
import { selectsLargeObjects } from '../large-objects/selects-large-objects.ts'
import { syncLargeObjects } from '../large-objects/sync-large-objects.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { canSetReplicaRole } from '../replication/replica-role.ts'
import { markIndexed, readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { recordDataDifferences } from '../state/validation-record.ts'
import { compareTable } from '../validate/data/compare-table.ts'
import { readComparedTables } from '../validate/data/compared-table.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import { readNameMap } from '../state/name-map-record.ts'
import type { MigrationActivities } from '../workflows/migration-activities.ts'
import type { ActivityRun, ActivityServices } from './activity-run.ts'
import { largeObjectProgress } from './copy-large-objects.ts'
import { CopyMonitor } from './copy-monitor.ts'
import { FAILPOINTS } from './failpoints.ts'
import { logCopied } from './log-copied.ts'
import { migrationActivity } from './migration-activity.ts'
import { throughOutages } from './through-outages.ts'

const SNAPSHOT_LOST = 'the snapshot of its last copy was lost'
const CONNECTION_LOST = 'a connection was lost before its copy was recorded'

/**
 * Copies all tables and large objects under one snapshot, held by this attempt; see MigrationActivities. An outage of the target does not
 * end the attempt. One that ends early all the same loses the snapshot; the next one takes a new one, and copies everything again unless
 * nothing was written in between.
 */
export function copyUnderOneSnapshot(services: ActivityServices): MigrationActivities['copyUnderOneSnapshot'] {
  return migrationActivity(services, async (run) => {
    const target = await run.connect('target', 'copy control')
    const tables = (await readMigratedTables(target, run.id)).filter(({ leftOut }) => leftOut === undefined)
    const jobs = Math.max(1, Math.min(run.spec.copy.tableJobs, tables.length))
    // Opening them ends those of an older attempt, which else could record one more copy under its own snapshot.
    for (let lane = 0; lane < jobs; lane++) await run.close(await run.connect('target', laneName(lane)))
    const sources: Database[] = []
    for (let lane = 0; lane < jobs; lane++) sources.push(await run.connect('source', laneName(lane), { copiesOut: true }))
    const [first, ...others] = sources
    if (!first) return { tables: 0, rows: '0', bytes: '0', differing: [] }
    const withLargeObjects = await selectsLargeObjects(first, run.spec, await readNameMap(target, run.id))
    const server = await serverIdentity(first)
    const plan = planShared(tables, jobs)
    const locked = plan.shares.map((share) => [...plan.cut, ...share])
    const snapshot = await openSharedSnapshot([first, ...others], locked, run.signal)
    await forgetCopies(target, run.id, await snapshotIdentity(first, server, run.signal))
    await run.close(target)
    const copy = await SharedCopy.open(run.id, first, plan)
    const results = new Map<string, TableResult>()
    const differing = await throughOutages(
      run,
      () => snapshot.check(),
      async (again) => {
        if (again) await mendSources(run, sources, snapshot, locked)
        const round = await Round.open(run, sources, { repeats: again ? CONNECTION_LOST : SNAPSHOT_LOST, results })
        try {
          const objects = await round.work(copy, withLargeObjects)
          return run.spec.cutover.validate === 'checksum' ? [...(await differingRows(run, first, tables)), ...objects] : objects
        } finally {
          await round.close()
        }
      },
    )
    await snapshot.release()
    const copied = [...results.values()]
    const tablesDiffering = copied.filter(({ rows, counted }) => rows !== counted).map(({ table }) => table)
    differing.unshift(...tablesDiffering.map(({ sourceSchema, sourceTable }) => qualified(sourceSchema, sourceTable)))
    // To copy everything again once the operator resumes, also if nothing is written on the source until then.
    if (differing.length > 0) {
      await updateMigrationRecord(await run.connect('target', 'copy control'), run.id, { copy_snapshot: null })
    }
    return {
      tables: copied.length,
      rows: String(copied.reduce((sum, { rows }) => sum + rows, 0n)),
      bytes: String(copied.reduce((sum, { bytes }) => sum + bytes, 0n)),
      differing,
    }
  })
}

interface TableResult {
  readonly table: MigratedTable
  readonly rows: bigint
  readonly bytes: bigint
  /** On the target afterwards. */
  readonly counted: bigint
}

function laneName(lane: number): string {
  return `copy lane ${lane}`
}

/** New sessions in place of those that were lost; the first one, which holds the snapshot, lives. */
async function mendSources(
  run: ActivityRun,
  sources: Database[],
  snapshot: SharedSnapshot,
  locked: readonly (readonly MigratedTable[])[],
): Promise<void> {
  for (const [lane, source] of sources.entries()) {
    const lives = await source.query('select').then(
      () => true,
      () => false,
    )
    if (lives) continue
    await run.close(source)
    const mended = await run.connect('source', laneName(lane), { copiesOut: true })
    await snapshot.rejoin(mended, locked[lane] ?? [])
    sources[lane] = mended
  }
}

interface RoundOptions {
  /** Why a copy that was begun before counts no longer. */
  readonly repeats: string
  /** Of tables that are copied, indexed and counted, by their names; filled. */
  readonly results: Map<string, TableResult>
}

/** The work between two outages: its sessions on the target. */
class Round {
  readonly #run: ActivityRun
  readonly #monitor: CopyMonitor
  readonly #lanes: readonly [SharedLane, ...SharedLane[]]
  readonly #builders: SessionPool
  readonly #replicaRole: boolean
  readonly #sessions: readonly Database[]
  readonly #options: RoundOptions
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal

  private constructor(run: ActivityRun, opened: Opened, options: RoundOptions) {
    this.#run = run
    this.#monitor = new CopyMonitor(run, opened.control)
    this.#lanes = opened.lanes
    this.#builders = new SessionPool(opened.builders)
    this.#replicaRole = opened.replicaRole
    this.#sessions = [opened.control, ...opened.lanes.map(({ target }) => target), ...opened.builders]
    this.#options = options
    this.#signal = AbortSignal.any([run.signal, this.#monitor.signal, this.#failed.signal])
  }

  static async open(run: ActivityRun, sources: readonly Database[], options: RoundOptions): Promise<Round> {
    const control = await run.connect('target', 'copy control')
    for (const name of await forgetCrashed(control, run.id)) options.results.delete(name)
    const lanes: SharedLane[] = []
    for (const [lane, source] of sources.entries()) lanes.push({ source, target: await run.connect('target', laneName(lane)) })
    const builders: Database[] = []
    for (let builder = 0; builder < run.spec.copy.indexJobs; builder++) {
      const session = await run.connect('target', `copy index ${builder}`)
      await setIndexMemory(session, run.spec.copy.indexJobs)
      builders.push(session)
    }
    const replicaRole = await canSetReplicaRole(control)
    const [first, ...others] = lanes
    if (!first) throw new Error('a copy needs a session')
    return new Round(run, { control, lanes: [first, ...others], builders, replicaRole }, options)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await this.#run.close(session)
  }

  /** Returns which large objects differ. */
  work(copy: SharedCopy, withLargeObjects: boolean): Promise<string[]> {
    return this.#monitor.during(async () => {
      const building: Promise<void>[] = []
      const copying = copy.run(this.#lanes, {
        signal: this.#signal,
        repeats: this.#options.repeats,
        replicaRole: this.#replicaRole,
        paused: () => this.#monitor.paused(),
        onBegin: (table) => this.#monitor.begin(table),
        onProgress: (table, bytes, rows) => {
          this.#monitor.progress(table, bytes, rows)
          void this.#run.failpoint(FAILPOINTS.tableBegun)
        },
        gate: (bytes, rows) => this.#monitor.gate(bytes, rows),
        onStep: (step) => this.#run.failpoint(step),
        onCopied: async (tables, copies) => {
          for (const [i, table] of tables.entries()) {
            this.#monitor.done(table)
            if (copies[i]) logCopied(this.#run, table, copies[i])
          }
          await this.#run.failpoint(FAILPOINTS.tableCopied)
          building.push(this.#guarded(() => this.#finish(tables, copies)).catch(() => undefined))
        },
      })
      await this.#guarded(() => copying).catch(() => undefined)
      await Promise.all(building)
      if (this.#failed.signal.aborted) throw this.#failed.signal.reason
      return withLargeObjects ? this.#copyLargeObjects() : []
    })
  }

  /** The first failure ends everything else. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failed.abort(error)
      throw error
    }
  }

  /** Builds the tables' indexes beside the copies of others. */
  async #finish(tables: readonly MigratedTable[], copies: readonly CopiedTable[]): Promise<void> {
    const { results } = this.#options
    const open = tables.filter((one, at) => !results.has(nameOf(one)) && (one.indexedAt === undefined || copies[at]?.now === true))
    const [table, ...others] = open
    const id = this.#run.id
    const schema = this.#run.spec.types.includes('schema')
    const onStep = (step: Parameters<NonNullable<Parameters<typeof buildIndex>[0]['onStep']>>[0]) => this.#run.failpoint(step)
    const within = <T>(work: (target: Database) => Promise<T>) =>
      this.#builders.within((target) => {
        this.#signal.throwIfAborted()
        return work(target)
      })
    const apart = schema && table && others.length === 0 ? await within((target) => indexJobs(target, id, table)) : []
    const built = await Promise.allSettled(
      apart.map(({ entry }) => within((target) => buildIndex({ target, id, signal: this.#signal, onStep }, entry))),
    )
    for (const result of built) if (result.status === 'rejected') throw result.reason
    await within(async (target) => {
      if (open.length > 0) {
        await finishIndexes({ target, id, signal: this.#signal, onStep }, open, schema)
        await this.#run.failpoint(FAILPOINTS.tableIndexed)
        await markIndexed(target, id, open)
        await this.#run.failpoint(FAILPOINTS.indexesMarked)
      }
      for (const [at, one] of tables.entries()) {
        if (results.has(nameOf(one))) continue
        const rows = BigInt(copies[at]?.rows ?? 0)
        const counted = this.#run.spec.cutover.validate === 'none' ? rows : await countRows(target, one)
        results.set(nameOf(one), { table: one, rows, bytes: BigInt(copies[at]?.bytes ?? 0), counted })
      }
    })
  }

  /** In the transaction of the first lane, which has the snapshot. Tells which differ all the same. */
  async #copyLargeObjects(): Promise<string[]> {
    const [{ source, target }] = this.#lanes
    const run = this.#run
    const { existing, roles } = run.spec
    await syncLargeObjects({
      ...{ source, target, id: run.id, existing, roles, mode: 'final', withinSnapshot: true, signal: this.#signal },
      onProgress: largeObjectProgress(run),
      gate: (bytes) => this.#monitor.gate(bytes, 0),
      onStep: () => run.failpoint(FAILPOINTS.largeObjectsBegun),
    })
    if (run.spec.cutover.validate === 'none') return []
    return [...(await compareLargeObjects({ source, target, id: run.id, signal: this.#signal })).differing]
  }
}

interface Opened {
  readonly control: Database
  readonly lanes: readonly [SharedLane, ...SharedLane[]]
  readonly builders: readonly Database[]
  readonly replicaRole: boolean
}

/** Compares the rows by checksums: under the copy's snapshot nothing moves on the source, and nobody applies changes to the target. */
async function differingRows(run: ActivityRun, source: Database, pairs: readonly MigratedTable[]): Promise<string[]> {
  const target = await run.connect('target', 'validate')
  const { tables, missing } = await readComparedTables(source, target, pairs)
  const differing = new Set(missing)
  for (const table of tables) {
    await compareTable({
      ...{ source, target, table, signal: run.signal, method: 'checksum', sample: 1 },
      caughtUp: () => Promise.resolve(),
      openTransactionsEnded: () => Promise.resolve(true),
      onCompared: () => undefined,
      onDifferences: async (differences) => {
        differing.add(table.label)
        await recordDataDifferences(target, run.id, differences)
      },
    })
  }
  await run.close(target)
  return [...differing]
}

async function countRows(target: Database, { targetSchema, targetTable }: MigratedTable): Promise<bigint> {
  const [count] = await target.query<{ n: string }>(`select count(*) as n from only ${qualified(targetSchema, targetTable)}`)
  return BigInt(count?.n ?? 0)
}

function nameOf({ sourceSchema, sourceTable }: MigratedTable): string {
  return qualified(sourceSchema, sourceTable)
}
