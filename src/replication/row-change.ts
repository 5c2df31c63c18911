import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type { BoundColumn, BoundRelation } from './bound-relation.ts'
import { UNCHANGED } from './pgoutput-message.ts'
import type { DeleteMessage, InsertMessage, Tuple, UpdateMessage } from './pgoutput-message.ts'

/** One change of one row, ready to be applied. */
export interface RowChange {
  readonly operation: 'insert' | 'update' | 'delete'
  readonly bound: BoundRelation
  /** Changes of the same table, operation and shape take the same statement. */
  readonly shape: string
  /** Its key's bytes, if it may share an UPDATE or DELETE with changes of other keys; null if it must stand alone. */
  readonly key: string | null
  /** Finds the row: the old key or the whole old row. Of an insert empty. */
  readonly old: Tuple
  /** Of a delete empty. */
  readonly row: Tuple
  /** The columns that an insert or update writes. */
  readonly writes: readonly BoundColumn[]
  readonly commitLsn: bigint
}

const NONE: readonly never[] = []

export function rowChange(message: InsertMessage | UpdateMessage | DeleteMessage, bound: BoundRelation, commitLsn: bigint): RowChange {
  if (message.type === 'update') return update(message, bound, commitLsn)
  if (message.type === 'delete') {
    const old = located(bound, message.old, message.oldKind, commitLsn)
    const key = bound.deletesTogether ? keyBytes(bound, old) : null
    return { operation: 'delete', bound, shape: 'delete', key, old, row: NONE, writes: NONE, commitLsn }
  }
  if (message.new.includes(UNCHANGED)) throw notSent(bound, commitLsn)
  return { operation: 'insert', bound, shape: 'insert', key: '', old: NONE, row: message.new, writes: bound.written, commitLsn }
}

function update(message: UpdateMessage, bound: BoundRelation, commitLsn: bigint): RowChange {
  const row = message.new
  const old = located(bound, message.old ?? row, message.oldKind, commitLsn)
  const moved = old !== row && bound.key.some(({ position }) => !sameValue(old[position], row[position]))
  const whole = !row.includes(UNCHANGED)
  const writable = moved ? bound.written : bound.besideKey
  const writes = whole ? writable : writable.filter(({ position }) => row[position] !== UNCHANGED)
  const shape = whole ? 'update' : `update ${writes.map(({ position }) => position).join()}`
  const together = bound.updatesTogether && !moved && writes.length > 0
  return { operation: 'update', bound, shape, key: together ? keyBytes(bound, old) : null, old, row, writes, commitLsn }
}

/** The tuple that finds the row, after a check that it holds what is needed for that. */
function located(bound: BoundRelation, tuple: Tuple, oldKind: 'K' | 'O' | null, commitLsn: bigint): Tuple {
  const { key, written } = bound
  // Without a key all columns are compared, and only the whole old row has them.
  if (key.length === 0 && oldKind !== 'O') throw notSent(bound, commitLsn)
  const needed = key.length > 0 ? key : written
  for (const { position } of needed) if (tuple[position] === UNCHANGED) throw notSent(bound, commitLsn)
  return tuple
}

function sameValue(before: Tuple[number] | undefined, after: Tuple[number] | undefined): boolean {
  if (after === UNCHANGED || before === after) return true
  return Buffer.isBuffer(before) && Buffer.isBuffer(after) && before.equals(after)
}

/** Null if a part is null: such a key names no single row. */
function keyBytes({ key }: BoundRelation, tuple: Tuple): string | null {
  let bytes = ''
  for (const { position } of key) {
    const value = tuple[position]
    if (!Buffer.isBuffer(value)) return null
    bytes += key.length === 1 ? value.toString('latin1') : `${value.length}:${value.toString('latin1')}`
  }
  return bytes
}

function notSent({ relation, target }: BoundRelation, commitLsn: bigint): MigrationError {
  const lsn = formatLsn(commitLsn)
  const text =
    `On the source: the change stream holds a change of ${target.label} (replica identity ${relation.replicaIdentity}) in the transaction ` +
    `that committed at ${lsn} without the values that find its row. Nothing of that transaction was applied; pgmove waits. Look at the table's replica identity.`
  return new MigrationError('Internal', text, { side: 'source', table: target.label, lsn })
}
