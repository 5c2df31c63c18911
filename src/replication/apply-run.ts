import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { applyError, diverged } from './apply-error.ts'
import type { AppliedChange } from './apply-error.ts'
import type { BoundColumn, BoundRelation } from './bound-relation.ts'
import type { ChangeRun } from './change-steps.ts'
import { copyText } from './copy-text.ts'
import type { Tuple } from './tuple.ts'
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
import type { StatementNames } from './statement-names.ts'

/** Applies a run by one statement and checks that it did to as many rows as it must. */
export async function applyRun(target: Database, names: StatementNames, { changes }: ChangeRun<RowChange>): Promise<void> {
  const [first] = changes
  if (!first) return
  const change: AppliedChange = {
    what: first.operation.toUpperCase(),
    table: first.bound.target.label,
    bound: first.bound,
    commitLsn: first.commitLsn,
  }
  let found: number
  try {
    found = await affected(target, names, first, changes)
  } catch (error) {
    throw applyError(error, change)
  }
  if (found !== changes.length) throw diverged(change, found, changes.length)
}

async function affected(target: Database, names: StatementNames, first: RowChange, changes: readonly RowChange[]): Promise<number> {
  const { bound, operation, writes } = first
  const finds = locator(bound)
  const run = async (text: string, values: (string | null | (string | null)[])[]) => {
    // Rows without a key are found by a plan for the values at hand: one for all values could not use the index.
    const named = operation !== 'insert' && bound.key.length === 0 ? {} : names.named(text, [...writes, ...finds])
    const { rowCount } = await target.client.query({ ...named, text, values })
    return rowCount ?? 0
  }
  if (operation === 'insert') {
    if (writes.length > 0 && (changes.length > 1 || !isText(first.row, writes))) {
      return copyRows(
        target,
        bound,
        changes.map(({ row }) => row),
      )
    }
    let count = 0
    for (const change of changes) count += await run(insertStatement(bound, writes), texts(change, change.row, writes))
    return count
  }
  if (changes.length === 1) {
    const values = [...texts(first, first.row, writes), ...texts(first, first.old, finds)]
    return run(operation === 'update' ? updateStatement(bound, writes) : deleteStatement(bound), values)
  }
  const columns = [...writes.map((column) => list(changes, 'row', column)), ...finds.map((column) => list(changes, 'old', column))]
  return run(operation === 'update' ? updateManyStatement(bound, writes) : deleteManyStatement(bound), columns)
}

/** Inserts rows by COPY; returns how many it took. Every value of `rows` that is written must be known. */
export async function copyRows({ client }: Database, bound: BoundRelation, rows: readonly Tuple[]): Promise<number> {
  const positions = bound.written.map(({ position }) => position)
  const copy = client.query(copyFrom(copyStatement(bound)))
  await pipeline(Readable.from(copyText(rows, positions)), copy)
  return copy.rowCount
}

function list(changes: readonly RowChange[], tuple: 'row' | 'old', column: BoundColumn): (string | null)[] {
  return changes.map((change) => text(change, change[tuple], column))
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
