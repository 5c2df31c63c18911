import { ident } from '../postgres/quote.ts'
import type { RelationName } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, itemsOf, listAt, nodesOf, stringAt, treeAt, unwrap } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { renameColumn, renameRangeVar } from './rewrite-names.ts'
import type { ColumnSource, Rewriting, Scope } from './rewriting.ts'

/** A SELECT, or the part of a set operation. */
export function rewriteSelect(r: Rewriting, select: Tree, outer: Scope): void {
  const { fromClause, larg, rarg, withClause, valuesLists, lockingClause, ...clauses } = select
  visitFields(r, withClause, outer)
  for (const part of [larg, rarg]) if (isTree(part)) rewriteSelect(r, part, outer)
  for (const row of Array.isArray(valuesLists) ? valuesLists : []) for (const value of itemsOf(row)) r.visit(value, outer)
  // Names in FOR UPDATE OF are aliases.
  void lockingClause
  const scope = enterFrom(r, Array.isArray(fromClause) ? fromClause : [], outer)
  for (const clause of Object.values(clauses)) r.visit(clause, scope)
}

export function rewriteInsert(r: Rewriting, insert: Tree, outer: Scope): void {
  visitFields(r, insert['withClause'], outer)
  r.visit(insert['selectStmt'], outer)
  const { table, source } = enterTarget(r, insert)
  const scope: Scope = { table, frames: [[source], ...outer.frames] }
  renameTargets(r, listAt(insert, 'cols'), table)
  const conflict = treeAt(insert, 'onConflictClause')
  if (conflict) {
    const excluded: ColumnSource = { ...source, ref: 'excluded', target: 'excluded', qualifiedOnly: true }
    const inner: Scope = { table, frames: [[source, excluded], ...outer.frames] }
    const infer = treeAt(conflict, 'infer')
    r.visit(listAt(infer, 'indexElems'), scope)
    r.visit(infer?.['whereClause'], scope)
    renameTargets(r, listAt(conflict, 'targetList'), table)
    visitTargets(r, listAt(conflict, 'targetList'), inner)
    r.visit(conflict['whereClause'], inner)
  }
  visitReturning(r, insert, scope)
}

export function rewriteUpdateOrDelete(r: Rewriting, statement: Tree, outer: Scope): void {
  visitFields(r, statement['withClause'], outer)
  const { table, source } = enterTarget(r, statement)
  const from = [...listAt(statement, 'fromClause'), ...listAt(statement, 'usingClause')]
  const { frames } = enterFrom(r, from, { ...outer, frames: outer.frames }, [source])
  const scope: Scope = { table, frames }
  renameTargets(r, listAt(statement, 'targetList'), table)
  visitTargets(r, listAt(statement, 'targetList'), scope)
  r.visit(statement['whereClause'], scope)
  visitReturning(r, statement, scope)
}

export function rewriteMerge(r: Rewriting, merge: Tree, outer: Scope): void {
  visitFields(r, merge['withClause'], outer)
  const { table, source } = enterTarget(r, merge)
  const { frames } = enterFrom(r, [merge['sourceRelation']], outer, [source])
  const scope: Scope = { table, frames }
  r.visit(merge['joinCondition'], scope)
  for (const clause of nodesOf(listAt(merge, 'mergeWhenClauses'), 'MergeWhenClause')) {
    r.visit(clause['condition'], scope)
    renameTargets(r, listAt(clause, 'targetList'), table)
    visitTargets(r, listAt(clause, 'targetList'), scope)
    r.visit(listAt(clause, 'values'), scope)
  }
  visitReturning(r, merge, scope)
}

/** Renames the tables of a FROM list and gives the scope of the query's expressions. */
function enterFrom(r: Rewriting, items: readonly TreeValue[], outer: Scope, first: readonly ColumnSource[] = []): Scope {
  const sources: ColumnSource[] = [...first]
  const later: ((inner: Scope) => void)[] = []
  const add = (value: TreeValue): void => {
    const [kind, item] = (isTree(value) && unwrap(value)) || []
    if (!kind || !item) return
    const alias = treeAt(item, 'alias')
    const name = stringAt(alias, 'aliasname')
    if (kind === 'RangeVar') sources.push(aliased(r, item, outer))
    else if (kind === 'RangeTableSample') {
      add(item['relation'])
      later.push((inner) => r.visit([item['method'], item['args'], item['repeatable']], inner))
    } else if (kind === 'JoinExpr') {
      add(item['larg'])
      add(item['rarg'])
      if (item['isNatural'] === true && sources.some(({ relation, columns }) => columns && relation && r.index.leavesOut(relation))) {
        throw new Obstacle('a NATURAL JOIN of a table that lacks columns on the target')
      }
      later.push((inner) => r.visit(item['quals'], inner))
      if (name !== undefined) sources.push({ ref: name, target: name })
      const using = stringAt(treeAt(item, 'join_using_alias'), 'aliasname')
      if (using !== undefined) sources.push({ ref: using, target: using })
    } else {
      const fromFunction = kind === 'RangeFunction' && listAt(alias, 'colnames').length === 0 && listAt(item, 'coldeflist').length === 0
      if (kind === 'RangeSubselect' && item['lateral'] !== true) r.visit(item['subquery'], { frames: outer.frames })
      else
        later.push((inner) =>
          r.visit(
            Object.entries(item).map(([field, inside]) => (field === 'alias' ? undefined : inside)),
            inner,
          ),
        )
      sources.push({ ref: name ?? '', target: name ?? '', fromFunction })
    }
  }
  for (const item of items) add(item)
  const inner: Scope = sources.length > 0 ? { frames: [sources, ...outer.frames] } : { frames: outer.frames }
  for (const visit of later) visit(inner)
  return inner
}

/** Renames a table in FROM; an alias keeps the source's names for the rest of the query. */
function aliased(r: Rewriting, rangeVar: Tree, outer: Scope): ColumnSource {
  const written = stringAt(rangeVar, 'relname') ?? ''
  const relation = renameRangeVar(r, rangeVar)
  const alias = treeAt(rangeVar, 'alias')
  const ref = stringAt(alias, 'aliasname') ?? written
  const columns = relation && r.index.map.columns(relation)
  const names = columns && [...columns.keys()]
  if (names && alias && listAt(alias, 'colnames').length > 0) {
    keepColumnList(r, relation, alias, names)
    return { ref, target: ref }
  }
  const target = alias ? ref : unhidden(r, ref, outer)
  if (names) addAlias(r, rangeVar, target, names)
  else if (!alias && (target !== ref || (relation && rangeVar['relname'] !== written))) addAlias(r, rangeVar, target)
  return { ref, target, relation, columns }
}

/** A name that doesn't hide the new name of a table outside, which has no alias. */
function unhidden({ statements }: Rewriting, ref: string, { frames }: Scope): string {
  const renamed = frames.flat().filter((source) => source.direct === true && source.target !== source.ref)
  let free = ref
  for (let n = 1; renamed.some(({ target }) => target === free) || (n > 1 && statements.hasWord(free)); n++) free = `${ref}_${String(n)}`
  return free
}

/** An alias that renames the columns already stays right as long as it names all of them and none is left out. */
function keepColumnList(r: Rewriting, relation: RelationName, alias: Tree, names: readonly string[]): void {
  if (r.index.leavesOut(relation) || listAt(alias, 'colnames').length !== names.length) {
    throw new Obstacle(`the columns of ${relation.schema}.${relation.name} have names of the query's own`)
  }
}

function addAlias(r: Rewriting, rangeVar: Tree, ref: string, columns?: readonly string[]): void {
  const list = columns ? `(${columns.map(ident).join(', ')})` : ''
  const at = r.statements.tokenOf(rangeVar, 'relname')
  const present = treeAt(rangeVar, 'alias')
  if (present) r.statements.insertAfter(aliasToken(r, at), list)
  else r.statements.insertAfter(at, ` as ${ident(ref)}${list}`)
  rangeVar['alias'] = { aliasname: ref, ...(columns ? { colnames: columns.map((sval) => ({ String: { sval } })) } : {}) }
}

/** The token of the alias behind a table's name. */
function aliasToken(r: Rewriting, name: number): number {
  let at = name + 1
  if (r.statements.tokens[at]?.text === '*') at += 1
  return r.statements.tokens[at]?.text.toLowerCase() === 'as' ? at + 1 : at
}

/** The table that a statement writes to: an alias keeps its name, its columns are renamed where they are named. */
function enterTarget(r: Rewriting, statement: Tree): { table: RelationName | undefined; source: ColumnSource } {
  const rangeVar = treeAt(statement, 'relation') ?? {}
  const written = stringAt(rangeVar, 'relname') ?? ''
  const ref = stringAt(treeAt(rangeVar, 'alias'), 'aliasname') ?? written
  const table = renameRangeVar(r, rangeVar)
  if (rangeVar['relname'] !== written && !treeAt(rangeVar, 'alias')) addAlias(r, rangeVar, ref)
  return { table, source: { ref, target: ref, relation: table, columns: table && r.index.map.columns(table), direct: true } }
}

/** The columns of INSERT and SET. */
function renameTargets(r: Rewriting, targets: readonly TreeValue[], table: RelationName | undefined): void {
  for (const target of nodesOf(targets, 'ResTarget')) renameColumn(r, table, target, 'name')
}

function visitTargets(r: Rewriting, targets: readonly TreeValue[], scope: Scope): void {
  for (const target of nodesOf(targets, 'ResTarget')) {
    const assigned = treeAt(treeAt(target, 'val'), 'MultiAssignRef')
    // Of `(a, b) = (select …)` every target holds the whole source; the text has it once.
    if (assigned) r.visit(assigned['source'], scope)
    else r.visit(target['val'], scope)
    r.visit(listAt(target, 'indirection'), scope)
  }
}

function visitReturning(r: Rewriting, statement: Tree, scope: Scope): void {
  // Named differently since 18.
  const options = listAt(treeAt(statement, 'returningClause'), 'options')
  const names = nodesOf(options, 'ReturningOption').map((option) => stringAt(option, 'value') ?? '')
  const [own = [], ...outer] = scope.frames
  const [target] = own
  const rows = target ? ['old', 'new', ...names].map((ref) => ({ ...target, ref, target: ref, qualifiedOnly: true })) : []
  const inner = { ...scope, frames: [[...own, ...rows], ...outer] }
  r.visit(listAt(statement, 'returningList'), inner)
  r.visit(listAt(treeAt(statement, 'returningClause'), 'exprs'), inner)
}

function visitFields(r: Rewriting, value: TreeValue, scope: Scope): void {
  if (isTree(value)) for (const field of Object.values(value)) r.visit(field, { frames: scope.frames })
}
