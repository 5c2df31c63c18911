import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { applyError } from './apply-error.ts'
import { applyRun } from './apply-run.ts'
import type { ApplyArgs, HeartbeatRow } from './apply-stream.ts'
import { applyTruncate } from './apply-truncate.ts'
import type { BoundRelation } from './bound-relation.ts'
import { ChangeRuns } from './change-run.ts'
import type { StreamItem } from './change-stream.ts'
import type { BeginMessage, CommitMessage, PgoutputMessage, RelationMessage, Tuple } from './pgoutput-message.ts'
import { recordProgress } from './progress.ts'
import type { AppliedGroup } from './progress.ts'
import { rowChange } from './row-change.ts'
import type { RowChange } from './row-change.ts'
import { StatementNames } from './statement-names.ts'
import { TableBinder } from './table-binder.ts'

const DEFAULT_LIMITS = { changes: 5000, bytes: 8 * 1024 * 1024 }
/** pgmove's own schema on the source. */
const OWN_SCHEMA = 'pgmove'

type RowMessage = Parameters<typeof rowChange>[0]

/** Source transactions that go into one target transaction, and that transaction itself. */
export class ApplyGroup {
  readonly #args: ApplyArgs
  readonly #limits: { readonly changes: number; readonly bytes: number }
  readonly #names = new StatementNames()
  readonly #binder: TableBinder
  readonly #runs = new ChangeRuns<RowChange>((a, b) => a.bound === b.bound)
  /** The source transaction that is being received; of one to be dropped `dropped` is true. */
  #open: { readonly begin: BeginMessage; readonly dropped: boolean } | undefined
  /** Whether the target transaction has begun. */
  #begun = false
  #since = 0
  #transactions = 0
  #changes = 0
  #bytes = 0
  #last: { readonly commitLsn: bigint; readonly endLsn: bigint } | undefined
  #heartbeats: HeartbeatRow[] = []

  constructor(args: ApplyArgs) {
    this.#args = args
    this.#limits = args.limits ?? DEFAULT_LIMITS
    this.#binder = new TableBinder(args.target, args.tables, args.names)
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

  get full(): boolean {
    return this.#changes >= this.#limits.changes || this.#bytes >= this.#limits.bytes || this.#transactions >= this.#limits.changes
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
      this.#open = { begin: message, dropped: message.finalLsn <= this.#args.progress.commitLsn }
    } else if (message.type === 'commit') {
      return this.#end(message)
    } else if (this.#open && !this.#open.dropped) {
      return this.#change(message, this.#open.begin, bytes)
    }
    return undefined
  }

  /** Applies what waits and commits it with the progress. */
  async commit(): Promise<{ applied: AppliedGroup; heartbeats: HeartbeatRow[] }> {
    const { target, id, progress, replicaRole } = this.#args
    const last = this.#last
    if (!last) throw new MigrationError('Internal', 'a group without a transaction was to be committed')
    const applied = { ...last, transactions: this.#transactions, changes: this.#changes }
    await this.#flush()
    if (this.#begun && !replicaRole) await this.#checkConstraints(last.commitLsn)
    await this.#begin()
    // The last statement: it would fail if one before had, so the COMMIT below can't turn out to be a rollback.
    await recordProgress(target, id, progress.epoch, applied)
    this.#begun = false
    await target.query('commit')
    const heartbeats = this.#heartbeats
    this.#reset()
    return { applied, heartbeats }
  }

  /** Never fails: without its connection a transaction is rolled back by itself. */
  async rollback(): Promise<void> {
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
        if (bound === 'copied') return undefined
        if (bound) return this.#add(message, bound, begin, bytes)
        return this.#binder.bind(message.relation, begin).then((found) => this.#add(message, found, begin, bytes))
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

  #add(message: RowMessage, bound: BoundRelation, begin: BeginMessage, bytes: number): Promise<void> | undefined {
    this.#runs.add(bound.target.oid, rowChange(message, bound, begin.finalLsn), bytes)
    this.#changes++
    this.#bytes += bytes
    const due = this.single || this.#runs.changes >= this.#limits.changes || this.#runs.bytes >= this.#limits.bytes
    return due ? this.#flush() : undefined
  }

  /** Changes of pgmove's own tables on the source are messages to itself. */
  async #own(relation: RelationMessage, tuple: Tuple, type: 'insert' | 'update', begin: BeginMessage): Promise<void> {
    const row: HeartbeatRow = Object.fromEntries(
      relation.columns.map(({ name }, i) => {
        const value = tuple[i]
        return [name, Buffer.isBuffer(value) ? value.toString('utf8') : null]
      }),
    )
    if (row['id'] !== this.#args.id) return
    if (relation.table === 'dts_postgres_heartbeat') this.#heartbeats.push(row)
    if (relation.table !== 'truncate_log' || type !== 'insert') return
    // PostgreSQL 10 has no TRUNCATE in its stream: a trigger of each table writes this row in its place.
    const { schema_name: schema, table_name: table } = row
    if (schema && table) await this.#truncate([{ schema, table }], false, begin)
  }

  async #truncate(relations: readonly { schema: string; table: string }[], restartIdentity: boolean, begin: BeginMessage): Promise<void> {
    const { target, replicaRole } = this.#args
    const tables = await this.#binder.truncated(relations, begin)
    if (tables.length === 0) return
    this.#changes++
    await this.#flush()
    await this.#begin()
    await applyTruncate(target, { tables, restartIdentity, commitLsn: begin.finalLsn, replicaRole })
  }

  async #flush(): Promise<void> {
    const runs = this.#runs.take()
    if (runs.length === 0) return
    this.#args.signal.throwIfAborted()
    await this.#begin()
    for (const run of runs) await applyRun(this.#args.target, this.#names, run)
  }

  async #begin(): Promise<void> {
    if (this.#begun) return
    const { target, replicaRole } = this.#args
    await target.query('begin')
    this.#begun = true
    // As on the source, a group need only be right at its end.
    if (!replicaRole) await target.query('set constraints all deferred')
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
    this.#runs.take()
    this.#transactions = 0
    this.#changes = 0
    this.#bytes = 0
    this.#last = undefined
    this.#heartbeats = []
  }
}

function outOfOrder(lsn: bigint): MigrationError {
  const text = `On the source: the change stream came out of order at ${formatLsn(lsn)}. Nothing of that transaction was applied; pgmove waits.`
  return new MigrationError('Internal', text, { side: 'source', lsn: formatLsn(lsn) })
}
