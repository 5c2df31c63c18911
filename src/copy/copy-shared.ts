import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { chunkRanges } from './chunk-ranges.ts'
import type { ChunkRange } from './chunk-ranges.ts'
import { fenceAttempt, sumChunks, writeChunks } from './chunk-record.ts'
import { copyBatches } from './copy-batches.ts'
import { copyChunk } from './copy-in-chunks.ts'
import { beginAttempt, lockRecords, recordCopies } from './copy-record.ts'
import type { CopiedTable } from './copy-record.ts'
import { copyingSettings, copyTables, targetShapes } from './copy-tables.ts'
import type { CopyOptions } from './copy-tables.ts'
import { copyUntilDone, EARLIER_ENDED } from './copy-until-done.ts'
import { emptyTables, prepareEmptying } from './empty-tables.ts'
import { readOpened } from './open-snapshot.ts'
import type { SharedPlan } from './shared-snapshot.ts'
import { keepingSnapshot } from './source-snapshot.ts'
import type { TableShape } from './table-columns.ts'

/** One job's sessions. The source's stands in the transaction of openSharedSnapshot, with the locks of the tables that are cut and of its own. */
export interface SharedLane {
  readonly source: Database
  readonly target: Database
}

export interface SharedCopyHooks extends Pick<CopyOptions, 'signal' | 'repeats' | 'onBegin' | 'onProgress' | 'gate' | 'onStep'> {
  readonly replicaRole: boolean
  /** Pending while nothing new is to be begun. */
  readonly paused: () => Promise<void> | undefined
  /** Tables of which every row is in, now or by an earlier attempt. Its failure ends the copy. */
  readonly onCopied: (tables: readonly MigratedTable[], copies: readonly CopiedTable[]) => Promise<void> | void
}

/** A table that all jobs copy together. */
interface CutTable {
  readonly table: MigratedTable
  readonly ranges: readonly ChunkRange[]
  readonly from: TableShape
  readonly oid: string
  /** Of the attempt that began under this snapshot. */
  attempt?: number
}

interface Chunk {
  readonly cut: CutTable
  readonly number: number
  readonly where: string
}

/**
 * The copy of all tables under one shared snapshot: big tables first, in chunks that any job takes, then each job its own. `run` may be
 * called again with other sessions as long as the snapshot lives: what is in is not copied again, chunks included.
 */
export class SharedCopy {
  readonly #id: string
  readonly #cut: readonly CutTable[]
  /** In the order of the lanes. */
  readonly #shares: readonly (readonly MigratedTable[])[]

  private constructor(id: string, cut: readonly CutTable[], shares: readonly (readonly MigratedTable[])[]) {
    this.#id = id
    this.#cut = cut
    this.#shares = shares
  }

  /** Cuts the big tables, as `source` sees them, which stands under the snapshot. What can't be cut is the first job's. */
  static async open(id: string, source: Database, { cut, shares }: SharedPlan<MigratedTable>): Promise<SharedCopy> {
    const tables: CutTable[] = []
    const whole: MigratedTable[] = []
    for (const table of cut) {
      const ranges = await chunkRanges(source, table, shares.length)
      const [from] = ranges.length > 0 ? await readOpened(source, [table]) : []
      if (from) tables.push({ table, ranges, from, oid: from.oid })
      else whole.push(table)
    }
    const spread = shares.map((share, at) => [...whole.filter((_, number) => number % shares.length === at), ...share])
    return new SharedCopy(id, tables, spread)
  }

  /** Copies what is not in yet; the first failure ends all. */
  async run(lanes: readonly [SharedLane, ...SharedLane[]], hooks: SharedCopyHooks): Promise<void> {
    const open = await this.#open(lanes[0].target, hooks)
    const failed = new AbortController()
    const inner = { ...hooks, signal: AbortSignal.any([hooks.signal, failed.signal]) }
    const chunks: Chunk[] = []
    for (const cut of this.#cut) if (await this.#begin(lanes[0].target, cut, inner)) chunks.push(...chunksOf(cut))
    const left = new Map(this.#cut.map((cut) => [cut, cut.ranges.length]))
    const work = lanes.map(async (lane, at) => {
      try {
        for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
          await inner.paused()
          inner.signal.throwIfAborted()
          await this.#copyChunk(lane, chunk, inner)
          const still = (left.get(chunk.cut) ?? 0) - 1
          left.set(chunk.cut, still)
          if (still === 0) await this.#record(lane.target, chunk.cut, inner)
        }
        for (const batch of copyBatches(open[at] ?? [])) {
          await inner.paused()
          inner.signal.throwIfAborted()
          const copies = await copyTables({
            ...{ ...inner, source: lane.source, target: lane.target, id: this.#id, tables: batch, incremental: false },
            // Nobody is given way to under a shared snapshot.
            sourceObserver: lane.source,
          })
          await inner.onCopied(batch, copies)
        }
      } catch (error) {
        failed.abort(error)
        throw error
      }
    })
    const results = await Promise.allSettled(work)
    hooks.signal.throwIfAborted()
    if (results.some(({ status }) => status === 'rejected')) throw failed.signal.reason
  }

  /** What of the jobs' own tables is not in yet. */
  async #open(target: Database, { onCopied }: SharedCopyHooks): Promise<MigratedTable[][]> {
    const known = new Map((await readMigratedTables(target, this.#id)).map((table) => [nameOf(table), table]))
    const isIn = (table: MigratedTable): boolean => known.get(nameOf(table))?.copiedAt !== undefined
    const done = this.#shares.flat().filter(isIn)
    const copies = done.map((table) => ({ rows: '0', bytes: '0', ...known.get(nameOf(table)), now: false }))
    if (done.length > 0) await onCopied(done, copies)
    return this.#shares.map((share) => share.filter((table) => !isIn(table)))
  }

  /** False if the table is in already. */
  async #begin(target: Database, cut: CutTable, { replicaRole, repeats = EARLIER_ENDED, onBegin, onCopied, onStep }: SharedCopyHooks) {
    const { table, ranges } = cut
    const [done] = await target.transaction(() => lockRecords(target, this.#id, [table]))
    if (done) {
      await onCopied([table], [done])
      return false
    }
    onBegin?.(table)
    if (cut.attempt !== undefined) return true
    await prepareEmptying(target, this.#id, [table], replicaRole)
    const attempt = await beginAttempt(target, this.#id, [table], repeats)
    await target.transaction(async () => {
      await lockRecords(target, this.#id, [table])
      await fenceAttempt(target, this.#id, table, attempt)
      await emptyTables(target, [table])
      await writeChunks(target, this.#id, table, attempt, ranges)
    })
    cut.attempt = attempt
    await onStep?.('chunks planned')
    return true
  }

  async #copyChunk({ source, target }: SharedLane, { cut, number, where }: Chunk, hooks: SharedCopyHooks): Promise<void> {
    const { table, from, attempt = 0 } = cut
    await copyUntilDone(table, hooks.signal, EARLIER_ENDED, async () => {
      const [into] = await targetShapes(target, [table])
      if (!into) return undefined
      await keepingSnapshot(source, () =>
        copyChunk({
          ...{ ...hooks, source, target, id: this.#id, table, from, into, incremental: false },
          ...{ chunk: { number, where }, attemptNumber: attempt, stop: hooks.signal },
        }),
      )
      return { rows: '0', bytes: '0', now: true }
    })
  }

  async #record(target: Database, { table, ranges, oid, attempt = 0 }: CutTable, { onStep, onCopied }: SharedCopyHooks): Promise<void> {
    await onStep?.('chunks copied')
    const sums = await target.transaction(async () => {
      await target.query(copyingSettings(false))
      await lockRecords(target, this.#id, [table])
      await fenceAttempt(target, this.#id, table, attempt)
      const sums = await sumChunks(target, this.#id, table, attempt, ranges.length)
      await recordCopies(target, this.#id, [{ table, oid, ...sums }], undefined, null)
      return sums
    })
    await onCopied([table], [{ ...sums, now: true }])
  }
}

function nameOf({ sourceSchema, sourceTable }: MigratedTable): string {
  return qualified(sourceSchema, sourceTable)
}

function chunksOf(cut: CutTable): Chunk[] {
  return cut.ranges.map(({ where }, at) => ({ cut, number: at + 1, where }))
}
