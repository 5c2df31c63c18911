import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { applyError, diverged } from './apply-error.ts'
import { copyRows } from './apply-run.ts'
import type { BoundColumn } from './bound-relation.ts'
import type { ChangeSet } from './change-steps.ts'
import type { Remains, Updates } from './net-effect.ts'
import type { Tuple } from './tuple.ts'
import { updateShape } from './row-change.ts'
import type { RowChange } from './row-change.ts'
import { deleteManyStatement, findManyStatement, insertManyStatement, updateManyStatement } from './row-statement.ts'
import type { StatementNames } from './statement-names.ts'
import { textArray } from './text-array.ts'

/** From this number of rows on COPY's extra round trip is worth it. */
const COPY_FROM_ROWS = 30

/**
 * Applies the net effect of many changes by a few statements, each for all its rows, and checks that each found exactly those
 * that it must. False, with nothing done, if the rows are in each other's way, as when unique values change places: then the changes are to be
 * applied one after another.
 */
export async function applyNetEffect(target: Database, names: StatementNames, set: ChangeSet<RowChange>): Promise<boolean> {
  const { effect, first, changes } = set
  const remains = effect.remains()
  // Deleted rows are in nobody's way, inserted ones come last: only updates can meet on the way to where all is in order.
  if (changes === undefined || remains.updates.rows.length < 2) {
    await applyAll(target, names, set.last, remains)
    return true
  }
  await target.query('savepoint pgmove_set')
  try {
    await applyAll(target, names, set.last, remains)
  } catch (error) {
    const state = sqlState(error)
    if (!first.bound.apart || (state !== '23505' && state !== '23P01')) throw error
    await target.query('rollback to savepoint pgmove_set')
    return false
  }
  await target.query('release savepoint pgmove_set')
  return true
}

async function applyAll(target: Database, names: StatementNames, { bound, commitLsn }: RowChange, remains: Remains): Promise<void> {
  const { key } = bound
  const { absent, deletes, updates, inserts } = remains
  const run = async (what: string, text: string, values: Buffer[], expected: number, found?: (rows: number) => number) => {
    const change = { what, table: bound.target.label, bound, commitLsn }
    let rows: number
    try {
      const { rowCount } = await target.client.query({ ...names.named(text, []), text, values })
      rows = rowCount ?? 0
    } catch (error) {
      throw applyError(error, change)
    }
    if (rows !== expected) throw diverged(change, found?.(rows) ?? rows, expected)
  }
  const arrays = (rows: readonly Tuple[], columns: readonly BoundColumn[]) => columns.map(({ position }) => textArray(rows, position))
  if (absent.length > 0) await run('INSERT', findManyStatement(bound), arrays(absent, key), 0, (rows) => absent.length - rows)
  if (deletes.length > 0) await run('DELETE', deleteManyStatement(bound), arrays(deletes, key), deletes.length)
  for (const { writes, old, rows } of shapes(bound.besideKey, updates)) {
    const text = writes.length > 0 ? updateManyStatement(bound, writes) : findManyStatement(bound)
    await run('UPDATE', text, [...arrays(rows, writes), ...arrays(old, key)], rows.length)
  }
  if (inserts.length === 0) return
  if (inserts.length < COPY_FROM_ROWS) {
    await run('INSERT', insertManyStatement(bound, bound.written), arrays(inserts, bound.written), inserts.length)
    return
  }
  const change = { what: 'INSERT', table: bound.target.label, bound, commitLsn }
  let copied: number
  try {
    copied = await copyRows(target, bound, inserts)
  } catch (error) {
    throw applyError(error, change)
  }
  if (copied !== inserts.length) throw diverged(change, copied, inserts.length)
}

/** Updates by the columns that they write: all but those whose values the stream does not hold. */
function shapes(
  beside: readonly BoundColumn[],
  { old, rows }: Updates,
): readonly (Updates & { readonly writes: readonly BoundColumn[] })[] {
  if (rows.length === 0) return []
  if (rows.every(({ whole }) => whole)) return [{ writes: beside, old, rows }]
  const shaped = new Map<string, { writes: readonly BoundColumn[]; old: Tuple[]; rows: Tuple[] }>()
  for (const [i, row] of rows.entries()) {
    const writes = row.whole ? beside : beside.filter(({ position }) => !row.isUnchanged(position))
    const shape = updateShape(row.whole, writes)
    let same = shaped.get(shape)
    if (!same) shaped.set(shape, (same = { writes, old: [], rows: [] }))
    same.old.push(old[i]!)
    same.rows.push(row)
  }
  return [...shaped.values()]
}
