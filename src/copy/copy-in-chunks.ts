import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'
import { pause } from '../source/retry-on-lock.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { publicationName } from '../state/migration-ref.ts'
import type { ChunkRange } from './chunk-ranges.ts'
import { chunkRanges } from './chunk-ranges.ts'
import { fenceAttempt, lockChunk, markChunk, sumChunks, writeChunks } from './chunk-record.ts'
import { beginAttempt, lockRecords, recordCopies } from './copy-record.ts'
import type { CopiedTable } from './copy-record.ts'
import { copyingSettings, copyTables, targetShapes } from './copy-tables.ts'
import type { CopyOptions } from './copy-tables.ts'
import { copyUntilDone, EARLIER_ENDED } from './copy-until-done.ts'
import { emptyTables, prepareEmptying } from './empty-tables.ts'
import { importSnapshot } from './import-snapshot.ts'
import { BEGIN_SNAPSHOT } from './open-snapshot.ts'
import type { OpenedTables } from './open-snapshot.ts'
import { underSnapshot } from './source-snapshot.ts'
import type { TableShape } from './table-columns.ts'
import { transferRows } from './transfer-rows.ts'
import { waitDurable } from './wait-durable.ts'

/** The two sessions of one job. */
export interface ChunkLane {
  readonly source: Database
  readonly target: Database
  close(): Promise<void>
}

export interface CopyInChunksArgs extends CopyOptions {
  /** Holds the table's lock and the snapshot; reads no rows. */
  readonly source: Database
  readonly sourceObserver: Database
  readonly table: MigratedTable
  /** How many chunks are copied at once. */
  readonly jobs: number
  /** Opens a job's sessions, also in place of ones that were lost. */
  readonly openLane: (job: number) => Promise<ChunkLane>
}

const LANE_TRIES = 5
const LANE_PAUSE_MS = 1000

/**
 * Copies one table by several sessions at once, all under the snapshot that `source` holds and exports. Each chunk is a
 * transaction of its own; the table counts as copied, with its snapshot, only when every one is in. A job that loses its
 * sessions goes on with new ones as long as the snapshot lives; without it the table is emptied and copied again. What can't
 * be cut is copied by one job. Else as copyTables.
 */
export async function copyInChunks(args: CopyInChunksArgs): Promise<CopiedTable> {
  const { table, signal } = args
  return copyUntilDone(
    table,
    signal,
    EARLIER_ENDED,
    async (why) => (await attempt(args, why)) ?? (await copyTables({ ...args, tables: [table] }))[0],
  )
}

/** Undefined if the table can't be cut. */
async function attempt(args: CopyInChunksArgs, why: string): Promise<CopiedTable | undefined> {
  const { source, sourceObserver, target, id, table, replicaRole, systemIdentifier, jobs, signal } = args
  const [done] = await target.transaction(() => lockRecords(target, id, [table]))
  if (done) return done
  await prepareEmptying(target, id, [table], replicaRole)
  const opening = { source, sourceObserver, tables: [table], own: true, publication: publicationName(id), signal }
  const copied = await underSnapshot(opening, async (opened, stop) => {
    const ranges = await chunkRanges(source, table, jobs)
    if (ranges.length === 0) return undefined
    const attemptNumber = await beginAttempt(target, id, [table], why)
    await target.transaction(async () => {
      await lockRecords(target, id, [table])
      await fenceAttempt(target, id, table, attemptNumber)
      await emptyTables(target, [table])
      await writeChunks(target, id, table, attemptNumber, ranges)
    })
    await args.onStep?.('chunks planned')
    await copyAll(args, opened, ranges, attemptNumber, stop)
    if (opened.handoff) await waitDurable(source, sourceObserver, parseLsn(opened.handoff.lsn), stop)
    return { handoff: opened.handoff, oid: opened.shapes[0]?.oid ?? '', count: ranges.length, attemptNumber }
  })
  if (!copied) return undefined
  await args.onStep?.('chunks copied')
  return target.transaction(async () => {
    await target.query(copyingSettings(false))
    await lockRecords(target, id, [table])
    await fenceAttempt(target, id, table, copied.attemptNumber)
    const sums = await sumChunks(target, id, table, copied.attemptNumber, copied.count)
    await recordCopies(target, id, [{ table, oid: copied.oid, ...sums }], copied.handoff, systemIdentifier ?? null)
    return { ...sums, now: true }
  })
}

/** All chunks of one attempt; the first failure ends the others. */
async function copyAll(
  args: CopyInChunksArgs,
  opened: OpenedTables,
  ranges: readonly ChunkRange[],
  attemptNumber: number,
  stop: AbortSignal,
): Promise<void> {
  const { source, target, table, jobs, onBegin } = args
  const [from] = opened.shapes
  const [into] = await targetShapes(target, [table])
  const [exported] = await source.query<{ name: string }>('select pg_export_snapshot() as name')
  if (!from || !into || !exported) throw new MigrationError('Internal', 'A table was to be copied in chunks without its snapshot.')
  onBegin?.(table)
  const failed = new AbortController()
  const ended = AbortSignal.any([stop, failed.signal])
  const chunks: Chunk[] = ranges.map(({ where }, at) => ({ number: at + 1, where }))
  const count = Math.min(jobs, chunks.length)
  const shared = { from, into, snapshot: exported.name, chunks, attemptNumber, stop: ended, jobs: count }
  const work = Array.from({ length: count }, async (_, job) => {
    try {
      await runJob(args, job, shared)
    } catch (error) {
      failed.abort(error)
      throw error
    } finally {
      shared.jobs--
    }
  })
  const results = await Promise.allSettled(work)
  stop.throwIfAborted()
  if (results.some(({ status }) => status === 'rejected')) throw failed.signal.reason
}

interface Chunk {
  readonly number: number
  readonly where: string
}

interface SharedWork {
  readonly from: TableShape
  readonly into: TableShape
  /** As pg_export_snapshot() named it. */
  readonly snapshot: string
  /** Those that nobody has begun. */
  readonly chunks: Chunk[]
  readonly attemptNumber: number
  readonly stop: AbortSignal
  /** How many jobs have not ended. */
  jobs: number
}

/** Works until no chunk is left, with new sessions where they are lost. Leaves the rest to the others if it can't have its sessions. */
async function runJob(args: CopyInChunksArgs, job: number, work: SharedWork): Promise<void> {
  for (let tries = 1; ; tries++) {
    let lane: ChunkLane | undefined
    const before = work.chunks.length
    try {
      lane = await args.openLane(job)
      return await runLane(args, lane, work)
    } catch (error) {
      work.stop.throwIfAborted()
      if (!(error instanceof MigrationError)) throw error
      if (!lane && error.kind === 'OutOfResources' && work.jobs > 1) return
      if (error.kind !== 'ConnectionLost') throw error
      if (work.chunks.length < before) tries = 1
      if (tries >= LANE_TRIES) throw error
      // Without the snapshot's session there is nothing to go on with: then this fails.
      await args.source.query('select')
    } finally {
      await lane?.close()
    }
    await pause(LANE_PAUSE_MS, work.stop)
  }
}

async function runLane(args: CopyInChunksArgs, { source, target }: ChunkLane, work: SharedWork): Promise<void> {
  const label = qualified(args.table.sourceSchema, args.table.sourceTable)
  await source.transaction(async () => {
    await importSnapshot(source, work.snapshot, args.source)
    await source.query(`set local lock_timeout = '2s'; lock table only ${label} in access share mode`)
    for (let chunk = work.chunks.shift(); chunk; chunk = work.chunks.shift()) {
      try {
        await copyChunk({ ...args, ...work, source, target, chunk })
      } catch (error) {
        work.chunks.unshift(chunk)
        throw error
      }
    }
  }, BEGIN_SNAPSHOT)
}

export interface CopyChunkArgs extends CopyOptions {
  /** In a transaction under the snapshot, with the table's lock. */
  readonly source: Database
  readonly table: MigratedTable
  readonly from: TableShape
  readonly into: TableShape
  readonly chunk: Chunk
  readonly attemptNumber: number
  readonly stop: AbortSignal
}

/** Copies one chunk in a transaction of its own, with the record that it is in. */
export async function copyChunk(args: CopyChunkArgs): Promise<void> {
  const { source, target, id, table, from, into, incremental, chunk, attemptNumber, stop, onProgress, gate } = args
  const passed = { bytes: 0, rows: 0 }
  try {
    await target.transaction(async () => {
      await target.query(copyingSettings(args.replicaRole))
      await fenceAttempt(target, id, table, attemptNumber)
      if (await lockChunk(target, id, table, chunk.number)) return
      const { rows, bytes } = await transferRows({
        ...{ source, target, table, from, into, incremental, where: chunk.where, stop },
        onProgress: (bytes, rows) => {
          passed.bytes += bytes
          passed.rows += rows
          onProgress?.(table, bytes, rows)
        },
        gate: (bytes, rows) => gate?.(bytes, rows),
      })
      await markChunk(target, id, table, chunk.number, rows, bytes)
    })
    await args.onStep?.('chunk copied')
  } catch (error) {
    onProgress?.(table, -passed.bytes, -passed.rows)
    throw error
  }
}
