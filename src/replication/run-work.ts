import { isUtf8 } from 'node:buffer'
import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import type { AppliedChange } from './apply-error.ts'
import type { ApplyWork, CopyWork } from './apply-work.ts'
import type { BoundColumn, BoundRelation } from './bound-relation.ts'
import type { ChangeRun } from './change-steps.ts'
import { copyText } from './copy-text.ts'
import type { RowChange } from './row-change.ts'
import {
  copyStatement,
  deleteManyStatement,
  deleteStatement,
  insertStatement,
  locator,
  updateManyStatement,
  updateStatement,
} from './row-statement.ts'
import { textArray } from './text-array.ts'
import type { Tuple } from './tuple.ts'

/** What applies a run: one statement, but for inserts that neither COPY nor an array can take. */
export function runWork({ changes }: ChangeRun<RowChange>): (ApplyWork | CopyWork)[] {
  const [first] = changes
  if (!first) return []
  const { bound, operation, writes, commitLsn } = first
  const change: AppliedChange = { what: operation.toUpperCase(), table: bound.target.label, bound, commitLsn }
  const finds = locator(bound)
  if (operation === 'insert') {
    if (copied(changes, first)) return [{ change, text: copyStatement(bound), copy: insertedText(changes), expected: changes.length }]
    const text = insertStatement(bound, writes)
    return changes.map((each) => ({ change, text, values: texts(each, each.row, writes), parameters: writes, expected: 1 }))
  }
  if (changes.length === 1) {
    const values = [...texts(first, first.row, writes), ...texts(first, first.old, finds)]
    // Rows without a key are found by a plan for the values at hand: one for all values could not use the index.
    const parameters = bound.key.length === 0 ? null : [...writes, ...finds]
    return [{ change, text: rowStatement(first), values, parameters, expected: 1 }]
  }
  const text = operation === 'update' ? updateManyStatement(bound, writes) : deleteManyStatement(bound)
  const rows = changes.map(({ row }) => row)
  const old = changes.map((each) => each.old)
  const values = [...writes.map(({ position }) => textArray(rows, position)), ...finds.map(({ position }) => textArray(old, position))]
  return [{ change, text, values, parameters: [], expected: changes.length }]
}

/** Whether COPY inserts them, which takes bytes that are no UTF-8 as they are: the target judges them. */
function copied(changes: readonly RowChange[], { row, writes }: RowChange): boolean {
  return writes.length > 0 && (changes.length > 1 || !isText(row, writes))
}

/** Every value that is written must be known. */
function insertedText(changes: readonly RowChange[]): Buffer[] {
  const positions = changes[0]?.bound.written.map(({ position }) => position) ?? []
  return [
    ...copyText(
      changes.map(({ row }) => row),
      positions,
    ),
  ]
}

const DELETES = new WeakMap<BoundRelation, string>()
const UPDATES = new WeakMap<readonly BoundColumn[], string>()

/** Composed once: for tables without a key it names every column several times, for each row anew that takes longer than anything else. */
function rowStatement({ bound, operation, writes }: RowChange): string {
  const known = operation === 'update' ? UPDATES.get(writes) : DELETES.get(bound)
  if (known !== undefined) return known
  const text = operation === 'update' ? updateStatement(bound, writes) : deleteStatement(bound)
  if (operation === 'update') UPDATES.set(writes, text)
  else DELETES.set(bound, text)
  return text
}

function texts(change: RowChange, tuple: Tuple, columns: readonly BoundColumn[]): (string | null)[] {
  return columns.map((column) => text(change, tuple, column))
}

function isText(tuple: Tuple, columns: readonly BoundColumn[]): boolean {
  return columns.every(({ position }) => {
    const value = tuple.value(position)
    return !Buffer.isBuffer(value) || isUtf8(value)
  })
}

/** A parameter is sent as text in UTF-8; bytes that are none, as a database in SQL_ASCII may hold, must not be changed on the way. */
function text({ bound, commitLsn }: RowChange, tuple: Tuple, { position }: BoundColumn): string | null {
  const value = tuple.value(position)
  if (!Buffer.isBuffer(value)) return null
  if (isUtf8(value)) return value.toString('utf8')
  const { label } = bound.target
  const lsn = formatLsn(commitLsn)
  const message =
    `On the target: a change of ${label}, by the source transaction that committed at ${lsn}, holds a value that is no valid UTF-8. ` +
    'Nothing of that transaction was applied; pgmove waits. Correct the value on the source and copy the table again.'
  throw new MigrationError('RejectedByTarget', message, { side: 'target', table: label, lsn })
}
