import type { RelationName } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, listAt, nodesOf, stringAt, treeAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { isSelected, renameRangeVar, tableScope } from './rewrite-names.ts'
import type { Rewriting } from './rewriting.ts'

/** CREATE TABLE without the columns that are left out, and without the checks that need one of them. */
export function rewriteCreateTable(r: Rewriting, create: Tree): void {
  const rangeVar = treeAt(create, 'relation')
  const table = rangeVar && renameRangeVar(r, rangeVar)
  const scope = tableScope(r, table)
  const typed = create['ofTypename'] !== undefined
  if (typed && table && r.index.map.columns(table)) throw new Obstacle('columns of a typed table are those of its type')
  if (table && Array.isArray(create['tableElts'])) create['tableElts'] = removeElements(r, table, create['tableElts'])
  const { relation, tableElts, ...rest } = create
  void relation
  if (Array.isArray(tableElts) && tableElts.length === 0) delete create['tableElts']
  for (const value of [tableElts, ...Object.values(rest)]) r.visit(value, scope)
}

/** Takes columns that are left out, and the checks that need one, out of the text and the list. */
function removeElements(r: Rewriting, table: RelationName, elements: readonly TreeValue[]): TreeValue[] {
  const { statements } = r
  const removed = new Set<TreeValue>()
  for (const element of elements) {
    const column = isTree(element) ? treeAt(element, 'ColumnDef') : undefined
    const constraint = isTree(element) ? treeAt(element, 'Constraint') : undefined
    const missing = column && !isSelected(r, table, stringAt(column, 'colname') ?? '')
    const needed = constraint && neededColumn(r, table, constraint)
    if (missing || needed !== undefined) removed.add(element)
    if (needed !== undefined) {
      const name = stringAt(constraint, 'conname') ?? 'check'
      r.remarks.push(`${r.object}: constraint ${name} was left out: it needs column ${needed}, which is left out`)
    }
  }
  if (removed.size === 0) return [...elements]
  const spans = elements.map((element) => elementSpan(r, element))
  let kept: { end: number } | undefined
  for (const [index, element] of elements.entries()) {
    const span = spans[index]
    if (!span) continue
    if (!removed.has(element)) kept = span
    else if (kept) statements.replace(kept.end, span.end, '')
    else statements.replace(span.start, spans[index + 1]?.start ?? span.end, '')
    if (kept && removed.has(element)) kept = span
  }
  return elements.filter((element) => !removed.has(element))
}

function elementSpan({ statements }: Rewriting, element: TreeValue): { start: number; end: number } {
  const [node] = isTree(element) ? Object.values(element) : []
  const location = isTree(node) ? node['location'] : undefined
  if (typeof location !== 'number') throw new Obstacle('an element of the table has no position')
  const first = statements.tokenAt(location)
  let depth = 0
  let last = first
  for (let at = first; at < statements.tokens.length; at++) {
    const text = statements.tokens[at]?.text
    if (depth === 0 && (text === ',' || text === ')')) break
    if (text === '(' || text === '[') depth += 1
    if (text === ')' || text === ']') depth -= 1
    last = at
  }
  return { start: location, end: statements.tokens[last]?.end ?? location }
}

/** The left-out column that a table's check or NOT NULL needs. */
function neededColumn(r: Rewriting, table: RelationName, constraint: Tree): string | undefined {
  const contype = stringAt(constraint, 'contype')
  if (contype !== 'CONSTR_CHECK' && contype !== 'CONSTR_NOTNULL') return undefined
  const keys = nodesOf(listAt(constraint, 'keys'), 'String').flatMap((key) => stringAt(key, 'sval') ?? [])
  return [...keys, ...columnNames(constraint['raw_expr'], table.name)].find((column) => !isSelected(r, table, column))
}

function columnNames(value: TreeValue, table: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => columnNames(item, table))
  if (!isTree(value)) return []
  const ref = treeAt(value, 'ColumnRef')
  if (!ref) return Object.values(value).flatMap((inner) => columnNames(inner, table))
  const parts = nodesOf(listAt(ref, 'fields'), 'String').flatMap((part) => stringAt(part, 'sval') ?? [])
  const name = parts.at(-1)
  return name === undefined || (parts.length === 1 && name === table) ? [] : [name]
}
