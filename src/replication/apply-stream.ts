import { setImmediate as turn } from 'node:timers/promises'
import { MigrationError } from '../errors/migration-error.ts'
import type { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { ApplyGroupError } from './apply-error.ts'
import { ApplyGroup } from './apply-group.ts'
import type { CommittedGroup } from './apply-group.ts'
import { prepareApplySession } from './apply-session.ts'
import type { ChangeStream, StreamItem } from './change-stream.ts'
import { CopyFirstError } from './copy-first-error.ts'
import type { CommitMessage } from './pgoutput-message.ts'
import { recordConfirmed } from './progress.ts'
import type { AppliedGroup, Progress } from './progress.ts'
import type { FollowedSelection } from './replay-tables.ts'

/** What was applied by one target transaction that is committed. */
export interface Applied extends AppliedGroup {
  /** Whether it moved only tables that are behind the others, which have had it before. */
  readonly again: boolean
  /** When the commit returned, in milliseconds since 1970 by this worker's clock. */
  readonly at: number
}

/** A row of the source's heartbeat table: its columns by name, as PostgreSQL prints them. */
export type HeartbeatRow = Readonly<Record<string, string | null>>

export interface ApplyArgs {
  /** Of no use afterwards, but to be closed by the caller. */
  readonly stream: ChangeStream
  /** A session of its own, which this sets up; no transaction is open in it. */
  readonly target: Database
  /** Of the migration. */
  readonly id: string
  /** Every selected table that holds rows, under `schema\0table` as on the source; kept as DDL leaves them, with each commit. */
  readonly tables: Map<string, MigratedTable>
  /** Which tables that DDL makes are followed. Default: none. */
  readonly selection?: FollowedSelection | undefined
  /** The migration's map, for partitioned tables. Default: every name stays. */
  readonly names?: NameMap | undefined
  /** As `takeOver` returned it; the stream was started at `confirmedLsn` or below, and at the position of any table that is behind. */
  readonly progress: Progress
  /** Applies until everything committed below is on the target; without it until aborted. */
  readonly until?: bigint | undefined
  /** The cutover's markers, which become known while changes are applied. */
  readonly markers?: StreamMarkers | undefined
  /** Writes down the keys of the rows that are changed, in the transactions that change them. Default false. */
  readonly logKeys?: boolean | undefined
  /** Whether the session may run with session_replication_role = replica. */
  readonly replicaRole: boolean
  /** Source transactions that committed up to here are applied each by its own target transaction, change by change. */
  readonly singleChangesUpTo?: bigint | undefined
  /** Ends the work within a group, which is rolled back. */
  readonly signal: AbortSignal
  /** When changes that wait are applied, and when a group of source transactions is committed. Default 10,000 changes or 4 MiB. */
  readonly limits?: { readonly changes: number; readonly bytes: number } | undefined
  /** Before the slot is told. */
  readonly onApplied?: ((applied: Applied) => void) | undefined
  /** When captured DDL was made on the target, whose transaction is still open. */
  readonly onDdl?: (() => Promise<void> | void) | undefined
  /** When tables that were behind the others have come to where these are; waited for. */
  readonly onRejoined?: (() => Promise<void> | void) | undefined
  /** A heartbeat of this migration; all that the source committed before is on the target. */
  readonly onHeartbeat?: ((row: HeartbeatRow) => void) | undefined
}

/** Positions that a cutover sets under a running stream. */
export interface StreamMarkers {
  /** A commit at or above it that changes a selected table is not applied but fails as `FenceLeaked`: nobody may write any more. */
  readonly quietFrom: bigint | undefined
  /** As `until`. */
  readonly until: bigint | undefined
}

/** `copyAgain`: captured DDL needs tables copied, which are marked for it, or has come while a marked table waits for its copy. */
export interface ApplyResult {
  /** Everything committed on the source below is on the target. */
  readonly reached: bigint
  readonly reason: 'until' | 'aborted' | 'copyAgain'
}

/** How long source transactions may wait for more to come, while they keep coming. */
const GROUP_MS = 100
/** The same for transactions that change nothing on the target. */
const EMPTY_GROUP_MS = 1000
/** How often an idle stream's position is made durable. */
const IDLE_MS = 10_000
/** So long the slot may stay behind what is committed, while full groups come one upon the other. */
const DURABLE_MS = 1000

/**
 * Applies a change stream exactly once. Whole source transactions are grouped into one target transaction, with the
 * migration's progress in it; only after its commit is the slot told. If the commit's answer is lost, `ConnectionLost` is
 * thrown, and the next `takeOver` tells whether it took place. Throws an `ApplyGroupError` if a group of several changes was
 * refused: use `applyWithBisect`, which finds the one.
 *
 * Tables that wait to be copied again are passed over, and meanwhile the slot is told nothing: it keeps their changes. Tables that were
 * copied again, and are behind the others, get theirs first, from a stream that begins at their position.
 */
export async function applyStream(args: ApplyArgs): Promise<ApplyResult> {
  const { target, signal, replicaRole, progress } = args
  const until = untilOf(args)
  const applier = new StreamApplier(args)
  if (until !== undefined && progress.confirmedLsn >= until && !applier.behind) return { reached: progress.confirmedLsn, reason: 'until' }
  try {
    await prepareApplySession(target, { replicaRole })
    await applier.run()
    if (applier.copyAgain) return { reached: applier.reached, reason: 'copyAgain' }
    return { reached: applier.reached, reason: signal.aborted ? 'aborted' : 'until' }
  } catch (error) {
    await applier.rollback()
    if (signal.aborted) return { reached: applier.reached, reason: 'aborted' }
    if (error instanceof CopyFirstError) return { reached: applier.reached, reason: 'copyAgain' }
    throw error
  }
}

function untilOf({ until, markers }: Pick<ApplyArgs, 'until' | 'markers'>): bigint | undefined {
  return until ?? markers?.until
}

class StreamApplier {
  readonly #args: ApplyArgs
  readonly #group: ApplyGroup
  /** Aborted with the caller's signal, and when work on the target has failed. */
  readonly #signal: AbortSignal
  #reached: bigint
  #idleSince = Date.now()
  /** When a durable commit was asked for last. */
  #durableSince = Date.now()
  /** Whether what was committed last may be lost in a crash of the target. */
  #volatile = false

  constructor(args: ApplyArgs) {
    const failed = new AbortController()
    this.#args = args
    this.#signal = AbortSignal.any([args.signal, failed.signal])
    this.#group = new ApplyGroup(
      args,
      (committed) => this.#onCommitted(committed),
      () => failed.abort(),
    )
    this.#reached = args.progress.confirmedLsn
  }

  /** The highest position that the target has recorded. */
  get reached(): bigint {
    return this.#reached
  }

  /** Whether it has ended because a table is to be copied again. */
  get copyAgain(): boolean {
    return this.#group.copyAgain
  }

  /** Whether tables that were copied again have less than the others. */
  get behind(): boolean {
    return this.#group.behind
  }

  async run(): Promise<void> {
    try {
      await this.#takeBatches()
    } catch (error) {
      // What the target refused came first.
      await this.#group.ready()
      throw error
    }
    await this.#group.ready()
  }

  async rollback(): Promise<void> {
    await this.#group.rollback()
  }

  async #takeBatches(): Promise<void> {
    while (!this.#signal.aborted) {
      // What waits in memory comes without a look at the sockets: the target's answers must not wait for all of it.
      if (this.#group.busy) await turn(undefined)
      const next = settled(this.#args.stream.nextBatch())
      while (this.#due() && !(await waiting(next))) {
        // Meanwhile more may come, which then is committed together.
        if (this.#group.busy) await Promise.race([next, this.#group.settled()])
        else await this.#commit({ durable: true })
      }
      const batch = nonEmpty(await unlessAborted(next, this.#signal).then((taken) => taken()))
      if (await this.#guarded(() => this.#takeAll(batch))) return
    }
  }

  /** Whether the group is to be committed as soon as nothing more waits. */
  #due(): boolean {
    const { empty, inTransaction, changing, ageMs } = this.#group
    return !this.#signal.aborted && !inTransaction && !empty && (changing || ageMs >= EMPTY_GROUP_MS)
  }

  /** True when `until` is reached; what comes behind is left to the next stream. */
  async #takeAll(batch: readonly StreamItem[]): Promise<boolean> {
    for (const item of batch) {
      if (item.kind === 'keepalive') {
        if (item.idle && !this.#group.inTransaction && (await this.#idle(item.walEnd))) return true
        continue
      }
      const taken = this.#group.take(item)
      if (taken === undefined) continue
      if (taken instanceof Promise) await taken
      else if (this.#isDue(taken) && (await this.#commitDue(taken))) return true
      this.#signal.throwIfAborted()
    }
    return false
  }

  /** Whether anything is to be done at this end of a source transaction. Not always a promise: most transactions are small. */
  #isDue({ endLsn }: CommitMessage): boolean {
    const { empty, full, single, changing, ageMs, busy } = this.#group
    // While the target works nobody gains by a small group.
    return this.#isLast(endLsn) || single || (!empty && (full || (changing && !busy && ageMs >= GROUP_MS)))
  }

  async #commitDue({ endLsn }: CommitMessage): Promise<boolean> {
    const { empty, single, full, followed } = this.#group
    const last = this.#isLast(endLsn) || this.#group.copyAgain
    // Full groups come one upon the other: each that waited for the disk would hold up the next.
    const durable = last || single || followed || !full || Date.now() - this.#durableSince >= DURABLE_MS
    if (!empty) await this.#commit({ durable })
    if (last || single) await this.#group.ready()
    return last
  }

  async #commit(how: { durable: boolean }): Promise<void> {
    if (how.durable) this.#durableSince = Date.now()
    await this.#group.commit(how)
  }

  #isLast(endLsn: bigint): boolean {
    const until = this.#until()
    return until !== undefined && endLsn >= until
  }

  /** Not before all tables have what the others have. */
  #until(): bigint | undefined {
    const until = untilOf(this.#args)
    const { confirmedLsn } = this.#args.progress
    return until !== undefined && this.#group.behind && until < confirmedLsn ? confirmedLsn : until
  }

  /** Tells the slot what is durable. While a table waits for its copy it keeps what that lacks: then it is told nothing, also not what it may know. */
  #confirm(lsn: bigint): void {
    if (!this.#group.awaitsCopy) this.#args.stream.confirm(lsn)
  }

  #onCommitted({ applied, durable, heartbeats }: CommittedGroup): void {
    const { progress, onApplied, onHeartbeat } = this.#args
    this.#reached = applied.endLsn > this.#reached ? applied.endLsn : this.#reached
    onApplied?.({ ...applied, again: applied.commitLsn <= progress.commitLsn, at: Date.now() })
    if (durable) this.#confirm(applied.endLsn)
    this.#volatile = !durable
    this.#idleSince = Date.now()
    for (const row of heartbeats) onHeartbeat?.(row)
  }

  /** No transaction is open and everything committed below `walEnd` has come. */
  async #idle(walEnd: bigint): Promise<boolean> {
    const { target, id, progress } = this.#args
    if (this.#group.behind) {
      if (walEnd < progress.confirmedLsn) return false
      if (!this.#group.empty) await this.#commit({ durable: true })
      if (this.#group.behind) this.#group.rejoin()
      await this.#group.ready()
    }
    const until = untilOf(this.#args)
    const last = until !== undefined && walEnd >= until
    if (!last && Date.now() - this.#idleSince < (this.#volatile ? DURABLE_MS : IDLE_MS)) return false
    if (!this.#group.empty) await this.#commit({ durable: true })
    await this.#group.ready()
    if (walEnd > this.#reached || this.#volatile) {
      const reached = walEnd > this.#reached ? walEnd : this.#reached
      await recordConfirmed(target, id, progress.epoch, reached)
      this.#volatile = false
      this.#reached = reached
      this.#confirm(reached)
    }
    this.#idleSince = Date.now()
    return last
  }

  /** An error of several changes is marked as such: which of them caused it is not certain. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#group.several ? ApplyGroupError.of(error, this.#group.lastCommitLsn) : error
    }
  }
}

/** Ends when `batch` does and never fails: the result is a function that returns or throws what came. */
function settled<T>(batch: Promise<T>): Promise<() => T> {
  return batch.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error
    },
  )
}

/** Not a race with one promise for all batches: that would keep them all in memory. */
function unlessAborted<T>(batch: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('aborted'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    const done = (): void => signal.removeEventListener('abort', abort)
    batch.then(resolve, reject).finally(done).catch(done)
  })
}

/** Whether the batch is there already or comes with what the socket holds. */
async function waiting(batch: Promise<unknown>): Promise<boolean> {
  return Promise.race([batch.then(() => true), turn(false)])
}

function nonEmpty(batch: StreamItem[]): StreamItem[] {
  if (batch.length > 0) return batch
  throw new MigrationError('ConnectionLost', 'On the source: the change stream was closed by pgmove itself.', { side: 'source' })
}
