import type { AppliedChange } from './apply-error.ts'
import type { ApplyWork, CopyWork } from './apply-work.ts'
import type { BoundColumn } from './bound-relation.ts'
import type { ChangeSet } from './change-steps.ts'
import { copyText } from './copy-text.ts'
import type { Remains, Updates } from './net-effect.ts'
import { updateShape } from './row-change.ts'
import type { RowChange } from './row-change.ts'
import { copyStatement, deleteManyStatement, findManyStatement, insertManyStatement, updateManyStatement } from './row-statement.ts'
import { textArray } from './text-array.ts'
import type { Tuple } from './tuple.ts'

type Work = ApplyWork | CopyWork

/** From this number of rows on COPY's own round trip is worth it. */
const COPY_FROM_ROWS = 30

/** What does the net effect of a set, in this order. The rows' bytes are copied: nothing of the stream is kept alive by it. */
export function netEffectWork({ last }: Pick<ChangeSet<RowChange>, 'last'>, { absent, deletes, updates, inserts }: Remains): Work[] {
  const { bound, commitLsn } = last
  const { key, written } = bound
  const of = (what: string): AppliedChange => ({ what, table: bound.target.label, bound, commitLsn })
  const arrays = (rows: readonly Tuple[], columns: readonly BoundColumn[]) => columns.map(({ position }) => textArray(rows, position))
  const works: Work[] = []
  const add = (work: Omit<ApplyWork, 'parameters'>) => works.push({ ...work, parameters: [] })
  if (absent.length > 0) {
    const found = (rows: number): number => absent.length - rows
    add({ change: of('INSERT'), text: findManyStatement(bound), values: arrays(absent, key), expected: 0, found })
  }
  if (deletes.length > 0) {
    add({ change: of('DELETE'), text: deleteManyStatement(bound), values: arrays(deletes, key), expected: deletes.length })
  }
  for (const { writes, old, rows } of shapes(bound.besideKey, updates)) {
    const text = writes.length > 0 ? updateManyStatement(bound, writes) : findManyStatement(bound)
    add({ change: of('UPDATE'), text, values: [...arrays(rows, writes), ...arrays(old, key)], expected: rows.length })
  }
  if (inserts.length >= COPY_FROM_ROWS) {
    const copy = [
      ...copyText(
        inserts,
        written.map(({ position }) => position),
      ),
    ]
    works.push({ change: of('INSERT'), text: copyStatement(bound), copy, expected: inserts.length })
  } else if (inserts.length > 0) {
    add({ change: of('INSERT'), text: insertManyStatement(bound, written), values: arrays(inserts, written), expected: inserts.length })
  }
  return works
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
