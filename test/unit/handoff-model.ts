import fc from 'fast-check'
import type { CopiedUnit, StreamedTransaction } from '../../src/replication/handoff-rule.ts'
import { parseSnapshot, visibleIn } from '../../src/replication/snapshot.ts'
import type { Snapshot } from '../../src/replication/snapshot.ts'

const TABLES = 3

/** One step of a history; `pick` chooses the transaction or table, as far as there is a choice. */
export interface Command {
  readonly kind: 'begin' | 'write' | 'commitRecord' | 'becomeVisible' | 'abort' | 'createSlot' | 'logRunning' | 'copy'
  readonly pick: number
}

export interface History {
  /** The next transaction id at the start: near the end of 32 bits, so that ids come round. */
  readonly firstXid: bigint
  readonly steps: readonly Command[]
}

export const commands: fc.Arbitrary<History> = fc.record({
  firstXid: fc.integer({ min: -12, max: 3 }).map((distance) => (5n << 32n) + BigInt(distance)),
  steps: fc.array(
    fc.record({
      kind: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('begin' as const, 'commitRecord' as const, 'becomeVisible' as const) },
        { weight: 4, arbitrary: fc.constantFrom('write' as const) },
        { weight: 3, arbitrary: fc.constantFrom('logRunning' as const, 'copy' as const) },
        { weight: 1, arbitrary: fc.constantFrom('abort' as const) },
        { weight: 1, arbitrary: fc.constantFrom('createSlot' as const) },
      ),
      pick: fc.nat({ max: 1000 }),
    }),
    { minLength: 40, maxLength: 160, size: 'max' },
  ),
})

interface Transaction {
  readonly xid: bigint
  readonly tables: number[]
  /** Where the commit record starts; set before the transaction becomes visible (HANDOFF.md, F4). */
  commitLsn?: bigint
  /** Out of the ProcArray: others see it as over. */
  ended: boolean
}

/** A PostgreSQL server as far as commit, visibility, logical decoding's start and snapshots go (HANDOFF.md, F3 to F8). */
class Source {
  readonly transactions: Transaction[] = []
  insertLsn = 1000n
  nextXid: bigint
  slot: { phase: 'start' | 'building' | 'full'; nextPhaseAt: bigint } | { phase: 'consistent'; lsn: bigint; snapshot: Snapshot } | undefined

  constructor(nextXid: bigint) {
    this.nextXid = nextXid
  }

  get running(): Transaction[] {
    return this.transactions.filter((transaction) => !transaction.ended)
  }

  begin(): Transaction {
    const transaction: Transaction = { xid: this.takeXid(), tables: [], ended: false }
    this.transactions.push(transaction)
    return transaction
  }

  writeRecord(): bigint {
    const start = this.insertLsn
    this.insertLsn += 48n
    return start
  }

  /** txid_current_snapshot(): xmax is behind the last id that is over, not behind the last one given out. */
  snapshot(): Snapshot {
    const over = this.transactions.filter((transaction) => transaction.ended).map((transaction) => transaction.xid)
    const first = this.transactions[0]?.xid ?? this.nextXid
    const xmax = over.length > 0 ? over.reduce((a, b) => (a > b ? a : b)) + 1n : first
    const xip = this.running.map((transaction) => transaction.xid).filter((xid) => xid < xmax)
    return parseSnapshot(`${xip[0] ?? xmax}:${xmax}:${xip.join(',')}`)
  }

  /** A record of the running transactions, which carries a slot that is being created to its next phase (F7). */
  logRunning(): void {
    const lsn = this.writeRecord()
    const slot = this.slot
    if (!slot || slot.phase === 'consistent') return
    const oldest = this.running[0]?.xid ?? this.nextXid
    if (this.running.length === 0 || (slot.phase === 'full' && slot.nextPhaseAt <= oldest)) {
      this.slot = { phase: 'consistent', lsn, snapshot: this.slotSnapshot(lsn, oldest) }
    } else if (slot.phase === 'start' || (slot.phase === 'building' && slot.nextPhaseAt <= oldest)) {
      this.slot = { phase: slot.phase === 'start' ? 'building' : 'full', nextPhaseAt: this.nextXid }
    }
  }

  /** The slot's own snapshot is made of the commit records, not of what is visible (F8). */
  private slotSnapshot(consistent: bigint, xmin: bigint): Snapshot {
    const known = this.transactions.filter((t) => t.xid >= xmin && t.commitLsn !== undefined && t.commitLsn < consistent).map((t) => t.xid)
    const xmax = known.reduce((a, b) => (b >= a ? b + 1n : a), xmin)
    const xip: bigint[] = []
    for (let xid = xmin; xid < xmax; xid++) if (!known.includes(xid)) xip.push(xid)
    return parseSnapshot(`${xmin}:${xmax}:${xip.join(',')}`)
  }

  /** The 32-bit counter leaves out the ids 0 to 2, which mean something else. */
  private takeXid(): bigint {
    while (BigInt.asUintN(32, this.nextXid) < 3n) this.nextXid++
    return this.nextXid++
  }
}

/** R2: whether every transaction that the slot holds for committed is visible to ordinary snapshots. */
function guardPasses(slot: Snapshot, current: Snapshot): boolean {
  for (let xid = current.xmin; xid < slot.xmax; xid++) if (visibleIn(slot, xid) && !visibleIn(current, xid)) return false
  return true
}

/**
 * Plays a history: transactions write rows, a slot is created, tables are copied once it is there (and the guard passes, if
 * `guarded`), then the stream is applied but for what `skip` says is copied. Returns what came out wrong, a line each.
 */
export function simulate(
  history: History,
  skip: (transaction: StreamedTransaction, copied: CopiedUnit) => boolean,
  guarded: boolean,
): string[] {
  const source = new Source(history.firstXid)
  const copies = new Map<number, CopiedUnit & { readonly rows: ReadonlySet<Transaction> }>()
  const copy = (table: number): void => {
    const slot = source.slot
    if (copies.has(table) || slot?.phase !== 'consistent') return
    const snapshot = source.snapshot()
    if (guarded && !guardPasses(slot.snapshot, snapshot)) return
    const rows = source.transactions.filter((t) => t.ended && t.commitLsn !== undefined && t.tables.includes(table))
    copies.set(table, { snapshot, lsn: source.insertLsn, rows: new Set(rows) })
  }
  const choose = (pick: number, from: Transaction[]): Transaction | undefined => from[pick % from.length]

  for (const { kind, pick } of history.steps) {
    const open = source.running.filter((transaction) => transaction.commitLsn === undefined)
    if (kind === 'begin') source.begin()
    else if (kind === 'createSlot') source.slot ??= { phase: 'start', nextPhaseAt: 0n }
    else if (kind === 'logRunning') source.logRunning()
    else if (kind === 'copy') copy(pick % TABLES)
    else if (kind === 'becomeVisible') {
      const hanging = choose(
        pick,
        source.running.filter((t) => t.commitLsn !== undefined),
      )
      if (hanging) hanging.ended = true
    } else {
      const transaction = choose(pick, open)
      if (!transaction) continue
      if (kind === 'write') {
        source.writeRecord()
        transaction.tables.push(pick % TABLES)
      } else if (kind === 'commitRecord') transaction.commitLsn = source.writeRecord()
      else transaction.ended = true
    }
  }

  // What is left is finished in turn: the slot, the copies, the transactions.
  source.slot ??= { phase: 'start', nextPhaseAt: 0n }
  for (const transaction of source.running) transaction.ended = true
  source.logRunning()
  for (let table = 0; table < TABLES; table++) copy(table)
  if (source.slot.phase !== 'consistent') return ['the slot never became consistent']

  const problems: string[] = []
  const consistent = source.slot.lsn
  for (const transaction of source.transactions) {
    for (const table of new Set(transaction.tables)) {
      const copied = copies.get(table)
      if (!copied) return [`table ${table} was never copied`]
      let times = copied.rows.has(transaction) ? 1 : 0
      const { commitLsn } = transaction
      if (commitLsn !== undefined && commitLsn > consistent) {
        const streamed = { xid: Number(BigInt.asUintN(32, transaction.xid)), finalLsn: commitLsn }
        if (!skip(streamed, copied)) times++
      }
      const expected = commitLsn === undefined ? 0 : 1
      if (times < expected) problems.push(`lost: xid ${transaction.xid} in table ${table}`)
      if (times > expected) problems.push(`doubled: xid ${transaction.xid} in table ${table}`)
    }
  }
  return problems
}
