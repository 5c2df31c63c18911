import { ident } from '../postgres/quote.ts'
import type { RelationName } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, listAt, nodesOf, stringAt, treeAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { isSelected, leftOut, renameColumn, renameColumns, renameRangeVar, renameQualified, tableScope } from './rewrite-names.ts'
import type { ColumnSource, Rewriting, Scope } from './rewriting.ts'

const COLUMN_COMMANDS: ReadonlySet<string> = new Set([
  'AT_ColumnDefault', 'AT_CookedColumnDefault', 'AT_DropNotNull', 'AT_SetNotNull', 'AT_SetExpression', 'AT_DropExpression',
  'AT_SetStatistics', 'AT_SetOptions', 'AT_ResetOptions', 'AT_SetStorage', 'AT_SetCompression', 'AT_DropColumn', 'AT_AlterColumnType',
  'AT_AlterColumnGenericOptions', 'AT_AddIdentity', 'AT_SetIdentity', 'AT_DropIdentity',
]) // prettier-ignore

export function rewriteAlterTable(r: Rewriting, alter: Tree): void {
  const rangeVar = treeAt(alter, 'relation')
  const table = rangeVar && renameRangeVar(r, rangeVar)
  const scope = tableScope(r, table)
  for (const command of nodesOf(listAt(alter, 'cmds'), 'AlterTableCmd')) {
    if (COLUMN_COMMANDS.has(stringAt(command, 'subtype') ?? '')) renameColumn(r, table, command, 'name')
    r.visit(command['def'], scope)
  }
}

/** The column of a setting that goes with a left-out column: `ALTER COLUMN … SET STORAGE` and the like next to the CREATE TABLE. */
export function settingOfLeftOut(r: Rewriting, alter: Tree, created: ReadonlySet<string>): boolean {
  const rangeVar = treeAt(alter, 'relation')
  const table = { schema: stringAt(rangeVar, 'schemaname') ?? '', name: stringAt(rangeVar, 'relname') ?? '' }
  const commands = nodesOf(listAt(alter, 'cmds'), 'AlterTableCmd')
  return (
    created.has(`${table.schema}\0${table.name}`) &&
    commands.length > 0 &&
    commands.every((command) => {
      const name = stringAt(command, 'name')
      return COLUMN_COMMANDS.has(stringAt(command, 'subtype') ?? '') && name !== undefined && !isSelected(r, table, name)
    })
  )
}

export function rewriteColumnDef(r: Rewriting, column: Tree, scope: Scope): void {
  renameColumn(r, scope.table, column, 'colname')
  const { colname, ...rest } = column
  void colname
  for (const value of Object.values(rest)) r.visit(value, scope)
}

export function rewriteConstraint(r: Rewriting, constraint: Tree, scope: Scope): void {
  const { table } = scope
  for (const field of ['keys', 'including', 'fk_attrs', 'fk_del_set_cols']) renameColumns(r, table, listAt(constraint, field))
  for (const exclusion of nodesOf(listAt(constraint, 'exclusions'), 'List')) {
    const [element, operator] = listAt(exclusion, 'items')
    r.visit(element, scope)
    renameQualified(
      r,
      nodesOf([operator], 'List').flatMap((list) => listAt(list, 'items')),
    )
  }
  const referenced = treeAt(constraint, 'pktable')
  if (referenced) renameColumns(r, renameRangeVar(r, referenced), listAt(constraint, 'pk_attrs'))
  for (const field of ['raw_expr', 'where_clause', 'options']) r.visit(constraint[field], scope)
}

/** Elements of an index, a partition key, an ON CONFLICT or extended statistics. */
export function rewriteIndexElement(r: Rewriting, element: Tree, scope: Scope): void {
  renameColumn(r, scope.table, element, 'name')
  renameQualified(r, listAt(element, 'collation'))
  renameQualified(r, listAt(element, 'opclass'))
  r.visit(element['expr'], scope)
}

export function rewriteIndex(r: Rewriting, index: Tree): void {
  const rangeVar = treeAt(index, 'relation')
  const scope = tableScope(r, rangeVar && renameRangeVar(r, rangeVar))
  for (const field of ['indexParams', 'indexIncludingParams', 'whereClause']) r.visit(index[field], scope)
}

export function rewriteStatistics(r: Rewriting, statistics: Tree): void {
  renameQualified(r, listAt(statistics, 'defnames'))
  const [rangeVar] = nodesOf(listAt(statistics, 'relations'), 'RangeVar')
  r.visit(listAt(statistics, 'exprs'), tableScope(r, rangeVar && renameRangeVar(r, rangeVar)))
}

export function rewriteTrigger(r: Rewriting, trigger: Tree): void {
  renameQualified(r, listAt(trigger, 'funcname'))
  const rangeVar = treeAt(trigger, 'relation')
  const table = rangeVar && renameRangeVar(r, rangeVar)
  const other = treeAt(trigger, 'constrrel')
  if (other) renameRangeVar(r, other)
  renameColumns(r, table, listAt(trigger, 'columns'))
  r.visit(trigger['whenClause'], { frames: [rowsOf(r, table)] })
}

export function rewritePolicy(r: Rewriting, policy: Tree): void {
  const rangeVar = treeAt(policy, 'table')
  const scope = tableScope(r, rangeVar && renameRangeVar(r, rangeVar))
  for (const field of ['qual', 'with_check']) r.visit(policy[field], scope)
}

export function rewriteRule(r: Rewriting, rule: Tree): void {
  const rangeVar = treeAt(rule, 'relation')
  const scope = { frames: [rowsOf(r, rangeVar && renameRangeVar(r, rangeVar))] }
  r.visit(rule['whereClause'], scope)
  r.visit(rule['actions'], scope)
}

function rowsOf({ index }: Rewriting, table: RelationName | undefined): ColumnSource[] {
  const columns = table && index.map.columns(table)
  return ['old', 'new'].map((ref) => ({ ref, target: ref, relation: table, columns, direct: true, qualifiedOnly: true }))
}

/** A view whose own columns get other names says so by a column list; CREATE MATERIALIZED VIEW has name and list in `into`. */
export function rewriteView(r: Rewriting, rangeVar: Tree | undefined, holder: Tree, field: string, query: TreeValue): void {
  const view = rangeVar && renameRangeVar(r, rangeVar)
  const columns = view && r.index.map.columns(view)
  if (columns) {
    const list = listAt(holder, field)
    if (list.length > 0) throw new Obstacle('the view has a column list of its own')
    const outputs = outputsOf(query)
    if (outputs !== columns.size) throw outputs === undefined ? new Obstacle('its columns are not listed') : leftOut(view, 'of its list')
    r.statements.insertAfter(r.statements.tokenOf(rangeVar, 'relname'), `(${[...columns.values()].map(ident).join(', ')})`)
    holder[field] = [...columns.values()].map((sval) => ({ String: { sval } }))
  }
  r.visit(query, { frames: [] })
}

/** How many columns a query gives; undefined where a star hides it. */
function outputsOf(query: TreeValue): number | undefined {
  let select = isTree(query) ? treeAt(query, 'SelectStmt') : undefined
  while (treeAt(select, 'larg')) select = treeAt(select, 'larg')
  const [row] = nodesOf(listAt(select, 'valuesLists'), 'List')
  if (row) return listAt(row, 'items').length
  const targets = nodesOf(listAt(select, 'targetList'), 'ResTarget')
  const star = targets.some((target) => JSON.stringify(target['val']).includes('"A_Star"'))
  return star || targets.length === 0 ? undefined : targets.length
}
