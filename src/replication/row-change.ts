import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type { BoundColumn, BoundRelation } from './bound-relation.ts'
import type { KeyedChange, RowKey } from './net-effect.ts'
import type { DeleteMessage, InsertMessage, UpdateMessage } from './pgoutput-message.ts'
import { Tuple } from './tuple.ts'

/** One change of one row, ready to be applied. */
export interface RowChange extends KeyedChange {
  readonly bound: BoundRelation
  /** Whether the net effect of several changes may take it: its key is known to name one row. */
  readonly reducible: boolean
  /** Changes of the same table, operation and shape take the same statement. */
  readonly shape: string
  /** Its key, if it may share an UPDATE or DELETE with changes of other keys; null if it must stand alone. Of an insert of no meaning. */
  readonly key: RowKey | null
  /** The columns that an insert or update writes. */
  readonly writes: readonly BoundColumn[]
  readonly commitLsn: bigint
}

const NONE: readonly never[] = []

export function rowChange(message: InsertMessage | UpdateMessage | DeleteMessage, bound: BoundRelation, commitLsn: bigint): RowChange {
  if (message.type === 'update') return update(message, bound, commitLsn)
  if (message.type === 'delete') {
    const old = located(bound, message.old, message.oldKind, commitLsn)
    const found = keyOf(bound, old)
    const key = bound.deletesTogether ? found : null
    const reducible = bound.reducible && found !== null
    const rowKey = found ?? ''
    return {
      operation: 'delete',
      bound,
      reducible,
      rowKey,
      newKey: null,
      shape: 'delete',
      key,
      old,
      row: Tuple.EMPTY,
      writes: NONE,
      commitLsn,
    }
  }
  if (!message.new.whole) throw notSent(bound, commitLsn)
  const own = bound.reducible ? keyOf(bound, message.new) : null
  const { new: row } = message
  const reducible = own !== null
  const rowKey = own ?? ''
  const writes = bound.written
  return { operation: 'insert', bound, reducible, rowKey, newKey: null, shape: 'insert', key: '', old: Tuple.EMPTY, row, writes, commitLsn }
}

function update(message: UpdateMessage, bound: BoundRelation, commitLsn: bigint): RowChange {
  const row = message.new
  const old = located(bound, message.old ?? row, message.oldKind, commitLsn)
  const moved = old !== row && bound.key.some(({ position }) => !sameValue(old, row, position))
  const { whole } = row
  const writable = moved ? bound.written : bound.besideKey
  const writes = whole ? writable : writable.filter(({ position }) => !row.isUnchanged(position))
  const together = bound.updatesTogether && !moved && writes.length > 0
  const found = together || bound.reducible ? keyOf(bound, old) : null
  const newKey = moved && bound.movable ? keyOf(bound, row) : null
  const reducible = bound.reducible && found !== null && (!moved || newKey !== null)
  const shape = updateShape(whole, writes)
  const key = together ? found : null
  return { operation: 'update', bound, reducible, rowKey: found ?? '', newKey, shape, key, old, row, writes, commitLsn }
}

/** Updates of the same shape write the same columns, if they leave the key alone. */
export function updateShape(whole: boolean, writes: readonly BoundColumn[]): string {
  return whole ? 'update' : `update ${writes.map(({ position }) => position).join()}`
}

/** The tuple that finds the row, after a check that it holds what is needed for that. */
function located(bound: BoundRelation, tuple: Tuple, oldKind: 'K' | 'O' | null, commitLsn: bigint): Tuple {
  const { key, written } = bound
  // Without a key all columns are compared, and only the whole old row has them.
  if (key.length === 0 && oldKind !== 'O') throw notSent(bound, commitLsn)
  const needed = key.length > 0 ? key : written
  for (const { position } of needed) if (tuple.isUnchanged(position)) throw notSent(bound, commitLsn)
  return tuple
}

function sameValue(before: Tuple, after: Tuple, position: number): boolean {
  const size = after.size(position)
  if (size !== before.size(position)) return after.isUnchanged(position)
  return size <= 0 || after.isUnchanged(position) || before.latin1(position) === after.latin1(position)
}

/** Null if a part is null or not sent: such a key names no single row. */
function keyOf({ key }: BoundRelation, tuple: Tuple): RowKey | null {
  const [first] = key
  if (first && key.length === 1) {
    const { position } = first
    if (tuple.size(position) < 0) return null
    return (INTEGERS.has(first.typeOid) ? tuple.integer(position) : undefined) ?? tuple.latin1(position)
  }
  let bytes = ''
  for (const { position } of key) {
    const size = tuple.size(position)
    if (size < 0) return null
    bytes += `${size}:${tuple.latin1(position)}`
  }
  return bytes
}

/** int8, int2, int4: pg_type.dat. A number costs less than a string. */
const INTEGERS = new Set([20, 21, 23])

function notSent({ relation, target }: BoundRelation, commitLsn: bigint): MigrationError {
  const lsn = formatLsn(commitLsn)
  const text =
    `On the source: the change stream holds a change of ${target.label} (replica identity ${relation.replicaIdentity}) in the transaction ` +
    `that committed at ${lsn} without the values that find its row. Nothing of that transaction was applied; pgmove waits. Look at the table's replica identity.`
  return new MigrationError('Internal', text, { side: 'source', table: target.label, lsn })
}
