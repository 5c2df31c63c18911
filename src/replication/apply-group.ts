import { fenceLeaked } from '../cutover/fence-leaked.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { NameMap } from '../mapping/name-map.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type { BatchStatement } from '../postgres/statement-batch.ts'
import { ApplyGroupError, applyError } from './apply-error.ts'
import { prepareSteps, StepApplier, STEP_RULES } from './apply-step.ts'
import type { ApplyArgs, HeartbeatRow } from './apply-stream.ts'
import { applyTruncate } from './apply-truncate.ts'
import type { BoundRelation } from './bound-relation.ts'
import { ChangeSteps } from './change-steps.ts'
import { CopyFirstError } from './copy-first-error.ts'
import { ChangedKeys, recordChangedKeys } from './changed-keys.ts'
import type { StreamItem } from './change-stream.ts'
import { DdlReplay } from './ddl-replay.ts'
import { loggedDdl } from './logged-ddl.ts'
import { ownRow } from './own-row.ts'
import type { BeginMessage, CommitMessage, PgoutputMessage, RelationMessage } from './pgoutput-message.ts'
import { commitProgress, recordRejoined } from './progress.ts'
import type { AppliedGroup } from './progress.ts'
import type { FollowedTables } from './replay-tables.ts'
import { rowChange } from './row-change.ts'
import type { RowChange } from './row-change.ts'
import { behindPositions, TableBinder } from './table-binder.ts'
import type { Tuple } from './tuple.ts'
import { WorkLane } from './work-lane.ts'

const DEFAULT_LIMITS = { changes: 10_000, bytes: 4 * 1024 * 1024 }
/** pgmove's own schema on the source. */
const OWN_SCHEMA = 'pgmove'

type RowMessage = Parameters<typeof rowChange>[0]

/** A target transaction that is committed. */
export interface CommittedGroup {
  readonly applied: AppliedGroup
  /** Whether it, and all before, can't be lost any more. */
  readonly durable: boolean
  readonly heartbeats: readonly HeartbeatRow[]
}

/**
 * Source transactions that go into one target transaction, and that transaction itself. While the target works, the next changes
 * are taken: of a big transaction its next piece, else the next group.
 */
export class ApplyGroup {
  readonly #args: ApplyArgs
  readonly #limits: { readonly changes: number; readonly bytes: number }
  readonly #applier: StepApplier
  readonly #binder: TableBinder
  readonly #steps = new ChangeSteps<RowChange>(STEP_RULES)
  readonly #lane: WorkLane
  readonly #onCommitted: (group: CommittedGroup) => void
  /** The source transaction that is being received; of one to be dropped `dropped` is true; `again`: only tables that are behind lack it. */
  #open: { readonly begin: BeginMessage; readonly dropped: boolean; readonly again: boolean } | undefined
  /** Whether the target transaction has begun; for the lane's work only. */
  #begun = false
  #since = 0
  #transactions = 0
  /** Of these, those that only tables that are behind lack. */
  #repeated = 0
  /** Whether tables that were copied again have less than the others. */
  #behind: boolean
  #changes = 0
  #bytes = 0
  /** Of changes that were passed over behind a kept one: they stand in the same chunks of the socket, which a kept row keeps alive. */
  #passedBytes = 0
  /** Whether DDL was made that takes effect with the commit only. */
  #commitDue = false
  /** Whether DDL was made in the open target transaction. */
  #followed = false
  #copyAgain = false
  #last: { readonly commitLsn: bigint; readonly endLsn: bigint } | undefined
  /** Commit LSN of the last source transaction that changes anything on the target. */
  #changedLsn: bigint | undefined
  #heartbeats: HeartbeatRow[] = []
  /** Undefined if the keys of changed rows are not written down. */
  readonly #changedKeys: ChangedKeys | undefined
  /** Of the source transaction that is being received, if it holds DDL. */
  #ddlReplay: DdlReplay | undefined

  /** `onCommitted` is called as soon as the target's answer to COMMIT has come, `onFailure` when work on the target has failed: `ready` throws it. */
  constructor(args: ApplyArgs, onCommitted: (group: CommittedGroup) => void, onFailure: () => void) {
    this.#args = args
    this.#limits = args.limits ?? DEFAULT_LIMITS
    this.#applier = new StepApplier(args.target, args.id)
    this.#changedKeys = args.logKeys === true ? new ChangedKeys() : undefined
    this.#lane = new WorkLane(onFailure)
    this.#onCommitted = onCommitted
    this.#binder = new TableBinder(args.target, args.tables, args.names, args.progress.commitLsn)
    this.#behind = behindPositions(args.tables).size > 0
  }

  /** Whether a source transaction is received in part. */
  get inTransaction(): boolean {
    return this.#open !== undefined
  }

  get empty(): boolean {
    return this.#transactions === 0
  }

  /** Whether anybody waits for what it holds. */
  get changing(): boolean {
    return this.#changes > 0 || this.#heartbeats.length > 0
  }

  /** Whether the target works on what was taken before. */
  get busy(): boolean {
    return this.#lane.busy
  }

  get full(): boolean {
    return (
      this.#commitDue ||
      this.#changes >= this.#limits.changes ||
      this.#bytes >= this.#limits.bytes ||
      this.#transactions >= this.#limits.changes
    )
  }

  /** Whether a table is to be copied before more is applied. */
  get copyAgain(): boolean {
    return this.#copyAgain
  }

  /** Whether tables that were copied again have less than the others: what these have already is applied to those alone. */
  get behind(): boolean {
    return this.#behind
  }

  /** Whether a table waited for its copy when this began: the source must keep what is applied to the others meanwhile. */
  get awaitsCopy(): boolean {
    return this.#binder.awaitsCopy
  }

  /** Whether it holds DDL, which others may act on once it is committed. */
  get followed(): boolean {
    return this.#followed || this.#commitDue
  }

  get ageMs(): number {
    return Date.now() - this.#since
  }

  /** Whether the source transaction that came last is applied change by change. */
  get single(): boolean {
    const { singleChangesUpTo } = this.#args
    return singleChangesUpTo !== undefined && this.lastCommitLsn <= singleChangesUpTo
  }

  /** Whether it holds more than one change, so that a failure's cause is not certain. */
  get several(): boolean {
    return !this.single && (this.#changes > 1 || this.#transactions + (this.#open ? 1 : 0) > 1)
  }

  /** Commit LSN of the source transaction that came last. */
  get lastCommitLsn(): bigint {
    return this.#open?.begin.finalLsn ?? this.#last?.commitLsn ?? 0n
  }

  /**
   * Returns the source transaction's commit if the message ends one, also if it was dropped as applied already; else a promise
   * if there is something to wait for. Not always a promise: one for each change costs more than the change.
   */
  take({ message, bytes }: Extract<StreamItem, { kind: 'message' }>): CommitMessage | Promise<void> | undefined {
    if (message.type === 'begin') {
      if (this.empty) this.#since = Date.now()
      this.#ddlReplay = undefined
      const again = message.finalLsn <= this.#args.progress.commitLsn
      this.#open = { begin: message, dropped: again && !this.#behind, again }
    } else if (message.type === 'commit') {
      return this.#end(message)
    } else if (this.#open && !this.#open.dropped) {
      return this.#change(message, this.#open.begin, bytes)
    }
    return undefined
  }

  /** Waits until the target has done what was added; throws if it failed. */
  ready(): Promise<void> {
    return this.#lane.idle()
  }

  /** The same, but never fails. */
  settled(): Promise<void> {
    return this.#lane.settled()
  }

  /**
   * Has what waits applied and committed with the progress, once the target has done what was added before. Not `durable`, the commit waits for no
   * disk, and the slot must not be told.
   */
  async commit({ durable }: { durable: boolean }): Promise<void> {
    const { target, id, progress, replicaRole, onRejoined } = this.#args
    const { epoch } = progress
    const last = this.#last
    if (!last) throw new MigrationError('Internal', 'a group without a transaction was to be committed')
    const applied = { ...last, transactions: this.#transactions - this.#repeated, changes: this.#changes, changedLsn: this.#changedLsn }
    const again = last.commitLsn <= progress.commitLsn
    const rejoin = this.#behind && (!again || last.endLsn >= progress.confirmedLsn)
    if (rejoin) this.#behind = false
    const heartbeats = this.#heartbeats
    await this.#flush()
    const changedKeys = this.#changedKeys?.take()
    this.#work(async () => {
      if (this.#begun && !replicaRole) await this.#checkConstraints(last.commitLsn)
      await this.#begin()
      if (changedKeys) await recordChangedKeys(target, id, changedKeys)
      await commitProgress({ target, id, epoch }, applied, { durable, again, rejoin })
      this.#begun = false
      this.#keepTables()
      this.#onCommitted({ applied, durable, heartbeats })
      if (rejoin) await onRejoined?.()
    })
    this.#reset()
  }

  /** Nothing that tables behind the others lack is left in the stream, nor in the group. */
  rejoin(): void {
    const { target, id, progress, onRejoined } = this.#args
    this.#behind = false
    this.#work(async () => {
      await recordRejoined({ target, id, epoch: progress.epoch })
      await onRejoined?.()
    })
  }

  /** Who begins again goes on with the tables that DDL has left. */
  #keepTables(): void {
    if (!this.#followed) return
    const { tables } = this.#args
    tables.clear()
    for (const [name, table] of this.#binder.tables) tables.set(name, table)
    this.#followed = false
  }

  /** Never fails: without its connection a transaction is rolled back by itself. */
  async rollback(): Promise<void> {
    await this.#lane.settled()
    if (this.#begun) await this.#args.target.query('rollback').catch(() => undefined)
    this.#begun = false
    this.#open = undefined
    this.#reset()
  }

  #end(commit: CommitMessage): CommitMessage {
    const open = this.#open
    if (open?.begin.finalLsn !== commit.commitLsn) throw outOfOrder(commit.commitLsn)
    if (!open.dropped) {
      if (this.#last && commit.commitLsn <= this.#last.commitLsn) throw outOfOrder(commit.commitLsn)
      this.#last = commit
      this.#transactions++
      if (open.again) this.#repeated++
    }
    this.#open = undefined
    return commit
  }

  #change(message: PgoutputMessage, begin: BeginMessage, bytes: number): Promise<void> | undefined {
    switch (message.type) {
      case 'insert':
      case 'update':
      case 'delete': {
        if (message.relation.schema === OWN_SCHEMA) {
          return message.type === 'delete' ? undefined : this.#own(message.relation, message.new, message.type, begin)
        }
        const bound = this.#binder.known(message.relation, begin)
        if (bound === 'passed') {
          this.#passedBytes += bytes
          return undefined
        }
        if (bound) return this.#add(message, bound, begin, bytes)
        return this.#bind(message, begin, bytes)
      }
      case 'truncate':
        return this.#truncate(message.relations, message.restartIdentity, begin)
      case 'begin':
      case 'commit':
      case 'relation':
      case 'type':
      case 'origin':
      case 'message':
        return undefined
    }
  }

  /** The catalogue is read by the session that applies, between its work. */
  async #bind(message: RowMessage, begin: BeginMessage, bytes: number): Promise<void> {
    await this.#lane.idle()
    await this.#add(message, await this.#binder.bind(message.relation, begin), begin, bytes)
  }

  #add(message: RowMessage, bound: BoundRelation, begin: BeginMessage, bytes: number): Promise<void> | undefined {
    this.#noteChange(begin, message.relation)
    const kept = bytes + (this.#steps.changes > 0 ? this.#passedBytes : 0)
    this.#passedBytes = 0
    const change = rowChange(message, bound, begin.finalLsn)
    this.#steps.add(bound.target.oid, change, kept)
    this.#changedKeys?.add(bound, change)
    this.#changes++
    this.#bytes += kept
    if (this.single) return this.#flush().then(() => this.#lane.idle())
    const due = this.#steps.changes >= this.#limits.changes || this.#steps.bytes >= this.#limits.bytes
    return due ? this.#flush() : undefined
  }

  /** Of a source transaction that changes something on the target. A commit record at or above the marker was written after it. */
  #noteChange({ finalLsn }: BeginMessage, relation: { readonly schema: string; readonly table: string } | undefined): void {
    const quietFrom = this.#args.markers?.quietFrom
    this.#changedLsn = finalLsn
    if (quietFrom !== undefined && finalLsn >= quietFrom) throw fenceLeaked(finalLsn, quietFrom, relation)
  }

  /** Changes of pgmove's own tables on the source are messages to itself. */
  async #own(relation: RelationMessage, tuple: Tuple, type: 'insert' | 'update', begin: BeginMessage): Promise<void> {
    // DDL is never applied while a table waits for its copy: there is none in what such a table lacks.
    if (this.#open?.again === true && relation.table !== 'truncate_log') return
    const row = ownRow(relation, tuple)
    if (relation.table === 'ddl_log') return type === 'insert' ? this.#ddl(row, begin) : undefined
    if (row['id'] !== this.#args.id) return
    if (relation.table === 'dts_postgres_heartbeat') this.#heartbeats.push(row)
    if (relation.table !== 'truncate_log' || type !== 'insert') return
    // PostgreSQL 10 has no TRUNCATE in its stream: a trigger of each table writes this row in its place.
    const { schema_name: schema, table_name: table } = row
    if (schema && table) await this.#truncate([{ schema, table }], false, begin)
  }

  /** Stands between the changes before and after it; what follows is bound anew. */
  async #ddl(row: HeartbeatRow, begin: BeginMessage): Promise<void> {
    const { target, id, names, selection } = this.#args
    const mayCopy = this.#args.markers === undefined
    const replay = (this.#ddlReplay ??= new DdlReplay({ target, id, selection, mayCopy, names: names ?? new NameMap() }))
    const binder = this.#binder
    const tables: FollowedTables = {
      find: (schema, table) => {
        const found = binder.selected(schema, table, begin)
        if (found) this.#changedKeys?.addWhole({ schema: found.table.targetSchema, name: found.table.targetTable })
        return found
      },
      has: (schema, table) => binder.tables.has(`${schema}\0${table}`),
      add: (table, marked) => binder.add(table, marked),
      remove: (table) => binder.remove(table),
      rename: (was, now) => binder.rename(was, now),
    }
    const ddl = loggedDdl(row)
    if (!replay.concerns(ddl, tables)) return
    if (binder.awaitsCopy) throw new CopyFirstError(begin.finalLsn)
    this.#noteChange(begin, undefined)
    this.#changes++
    await this.#flush()
    this.#work(async () => {
      await this.#begin()
      if (await replay.apply(ddl, tables, formatLsn(begin.finalLsn))) this.#commitDue = true
      this.#followed = true
      binder.bindAnew()
      await this.#args.onDdl?.()
      if (replay.marked) this.#commitDue = this.#copyAgain = true
    })
    await this.#lane.idle()
  }

  async #truncate(relations: readonly { schema: string; table: string }[], restartIdentity: boolean, begin: BeginMessage): Promise<void> {
    const { target, replicaRole } = this.#args
    await this.#lane.idle()
    const tables = await this.#binder.truncated(relations, begin)
    if (tables.length === 0) return
    this.#noteChange(begin, relations[0])
    for (const table of tables) this.#changedKeys?.addWhole(table)
    this.#changes++
    await this.#flush()
    this.#work(async () => {
      await this.#begin()
      await applyTruncate(target, { tables, restartIdentity, commitLsn: begin.finalLsn, replicaRole })
    })
  }

  /** At most one piece waits for the target while the next is taken. */
  async #flush(): Promise<void> {
    const steps = prepareSteps(this.#steps.take())
    await this.#lane.idle()
    if (steps.length === 0) return
    this.#work(() => this.#applier.apply(steps, this.#opening(), this.#args.signal))
  }

  /** An error of several changes is marked as such: which of them caused it is not certain. */
  #work(work: () => Promise<void>): void {
    const { several, lastCommitLsn } = this
    this.#lane.add(async () => {
      try {
        await work()
      } catch (error) {
        throw several ? ApplyGroupError.of(error, lastCommitLsn) : error
      }
    })
  }

  async #begin(): Promise<void> {
    await this.#applier.open(this.#opening())
  }

  /** What begins the target transaction, if it is not open: to be sent by whoever asks. */
  #opening(): BatchStatement[] {
    if (this.#begun) return []
    this.#begun = true
    const begin = { text: 'begin', values: [] }
    // As on the source, a group need only be right at its end.
    return this.#args.replicaRole ? [begin] : [begin, { text: 'set constraints all deferred', values: [] }]
  }

  /** So that a refused constraint is told apart from a commit whose answer was lost. */
  async #checkConstraints(commitLsn: bigint): Promise<void> {
    try {
      await this.#args.target.query('set constraints all immediate')
    } catch (error) {
      throw applyError(error, { what: 'a constraint', table: undefined, commitLsn })
    }
  }

  #reset(): void {
    this.#steps.take()
    this.#changedKeys?.take()
    this.#transactions = 0
    this.#repeated = 0
    this.#changes = 0
    this.#bytes = 0
    this.#commitDue = false
    this.#last = undefined
    this.#heartbeats = []
  }
}

function outOfOrder(lsn: bigint): MigrationError {
  const text = `On the source: the change stream came out of order at ${formatLsn(lsn)}. Nothing of that transaction was applied; pgmove waits.`
  return new MigrationError('Internal', text, { side: 'source', lsn: formatLsn(lsn) })
}
