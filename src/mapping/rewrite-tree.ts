import { rewriteNameCast, rewriteSequenceCall } from './name-literal.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, listAt, nodesOf, stringAt, treeAt, unwrap } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { rewriteColumnRef } from './rewrite-column-ref.ts'
import { rewriteCreateTable } from './rewrite-create-table.ts'
import { rewriteFunction, rewriteSetting } from './rewrite-function.ts'
import { renameColumns, renameQualified, renameRangeVar, renameSchema, renameType, tableScope } from './rewrite-names.ts'
import { rewriteAttribute, rewriteExtension, rewriteGrant, rewriteObject } from './rewrite-object.ts'
import { rewriteInsert, rewriteMerge, rewriteSelect, rewriteUpdateOrDelete } from './rewrite-query.ts'
import {
  rewriteAlterTable,
  rewriteColumnDef,
  rewriteConstraint,
  rewriteIndex,
  rewriteIndexElement,
  rewritePolicy,
  rewriteRule,
  rewriteStatistics,
  rewriteTrigger,
  rewriteView,
} from './rewrite-table.ts'
import type { Rewriting, Scope } from './rewriting.ts'

type Handler = (r: Rewriting, node: Tree, scope: Scope) => void

/** Fields that hold the qualified name of something that is no relation. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  A_Expr: ['name'],
  AlterDomainStmt: ['typeName'],
  AlterEnumStmt: ['typeName'],
  AlterStatsStmt: ['defnames'],
  AlterTSConfigurationStmt: ['cfgname'],
  AlterTSDictionaryStmt: ['dictname'],
  AlterTypeStmt: ['typeName'],
  CollateClause: ['collname'],
  CreateAmStmt: ['handler_name'],
  CreateConversionStmt: ['conversion_name', 'func_name'],
  CreateDomainStmt: ['domainname'],
  CreateEnumStmt: ['typeName'],
  CreateEventTrigStmt: ['funcname'],
  CreateOpClassItem: ['order_family'],
  CreateOpClassStmt: ['opclassname', 'opfamilyname'],
  CreateOpFamilyStmt: ['opfamilyname'],
  AlterOpFamilyStmt: ['opfamilyname'],
  CreatePLangStmt: ['plhandler', 'plinline', 'plvalidator'],
  CreateRangeStmt: ['typeName'],
  DefineStmt: ['defnames'],
  FuncCall: ['funcname'],
  ObjectWithArgs: ['objname'],
  SortBy: ['useOp'],
  SubLink: ['operName'],
}

const objectOf =
  (type: string, object: string): Handler =>
  (r, node) => {
    rewriteObject(r, stringAt(node, type), node[object])
  }

const HANDLERS: Readonly<Record<string, Handler>> = {
  A_Indirection: (r, node, scope) => {
    for (const field of nodesOf(listAt(node, 'indirection'), 'String')) {
      const name = stringAt(field, 'sval') ?? ''
      if (r.index.columns.has(name)) throw new Obstacle(`the field ${name} may be a column that has another name on the target`)
    }
    visitFields(r, node, scope)
  },
  AlterExtensionContentsStmt: objectOf('objtype', 'object'),
  AlterObjectDependsStmt: (r, node, scope) => {
    objectOf('objectType', 'object')(r, node, scope)
    r.visit(node['relation'], scope)
  },
  AlterObjectSchemaStmt: (r, node, scope) => {
    objectOf('objectType', 'object')(r, node, scope)
    r.visit(node['relation'], scope)
    renameSchema(r, node, 'newschema')
  },
  AlterOwnerStmt: objectOf('objectType', 'object'),
  AlterTableStmt: rewriteAlterTable,
  AlterTSConfigurationStmt: (r, node) => {
    for (const dictionary of nodesOf(listAt(node, 'dicts'), 'List')) renameQualified(r, listAt(dictionary, 'items'))
  },
  ColumnDef: rewriteColumnDef,
  ColumnRef: (r, node, scope) => {
    rewriteColumnRef(r, node, scope, 'value')
  },
  CommentStmt: objectOf('objtype', 'object'),
  Constraint: rewriteConstraint,
  CreateExtensionStmt: rewriteExtension,
  CreateForeignTableStmt: (r, node, scope) => {
    const base = treeAt(node, 'base') ?? {}
    const before = treeAt(base, 'relation')
    const name = { schema: stringAt(before, 'schemaname') ?? '', name: stringAt(before, 'relname') ?? '' }
    if (r.index.map.touches(name))
      r.remarks.push(`${r.object}: its names at the foreign server stay: set its OPTIONS where they follow its own`)
    rewriteCreateTable(r, base)
    for (const [field, value] of Object.entries(node)) if (field !== 'base') r.visit(value, scope)
  },
  CreateFunctionStmt: rewriteFunction,
  CreatePolicyStmt: rewritePolicy,
  CreateSchemaStmt: (r, node, scope) => {
    renameSchema(r, node, 'schemaname')
    r.visit(node['schemaElts'], scope)
  },
  CreateStatsStmt: rewriteStatistics,
  CreateStmt: rewriteCreateTable,
  CreateTableAsStmt: (r, node) => {
    const into = treeAt(node, 'into') ?? {}
    rewriteView(r, treeAt(into, 'rel'), into, 'colNames', node['query'])
  },
  CreateTrigStmt: rewriteTrigger,
  DefElem: rewriteAttribute,
  DeleteStmt: rewriteUpdateOrDelete,
  DropStmt: (r, node) => {
    for (const object of listAt(node, 'objects')) rewriteObject(r, stringAt(node, 'removeType'), object)
  },
  FuncCall: (r, node, scope) => {
    rewriteSequenceCall(r, node)
    visitFields(r, node, scope)
  },
  GrantStmt: rewriteGrant,
  IndexElem: rewriteIndexElement,
  IndexStmt: rewriteIndex,
  InsertStmt: rewriteInsert,
  LockingClause: () => undefined,
  MergeStmt: rewriteMerge,
  PartitionElem: rewriteIndexElement,
  PublicationTable: (r, node) => {
    const rangeVar = treeAt(node, 'relation')
    const table = rangeVar && renameRangeVar(r, rangeVar)
    renameColumns(r, table, listAt(node, 'columns'))
    r.visit(node['whereClause'], tableScope(r, table))
  },
  RangeVar: (r, node) => {
    renameRangeVar(r, node)
  },
  RenameStmt: (r, node, scope) => {
    objectOf('renameType', 'object')(r, node, scope)
    r.visit(node['relation'], scope)
  },
  ResTarget: (r, node, scope) => {
    const value = node['val']
    const ref = isTree(value) ? treeAt(value, 'ColumnRef') : undefined
    if (ref) rewriteColumnRef(r, ref, scope, 'target')
    else r.visit(value, scope)
    r.visit(node['indirection'], scope)
  },
  RuleStmt: rewriteRule,
  SecLabelStmt: objectOf('objtype', 'object'),
  SelectStmt: rewriteSelect,
  StatsElem: rewriteIndexElement,
  TypeCast: (r, node, scope) => {
    rewriteNameCast(r, node)
    visitFields(r, node, scope)
  },
  TypeName: renameType,
  UpdateStmt: rewriteUpdateOrDelete,
  VariableSetStmt: rewriteSetting,
  ViewStmt: (r, node) => {
    rewriteView(r, treeAt(node, 'view'), node, 'aliases', node['query'])
  },
}

/** Changes the names of a node and of everything below it. */
export function rewriteNode(r: Rewriting, value: TreeValue, scope: Scope): void {
  if (Array.isArray(value)) for (const item of value) rewriteNode(r, item, scope)
  if (!isTree(value)) return
  const [kind, node] = unwrap(value) ?? [kindOfFields(value), value]
  for (const field of NAMES[kind] ?? []) renameQualified(r, listAt(node, field))
  const handler = HANDLERS[kind]
  if (handler) handler(r, node, scope)
  else visitFields(r, node, scope)
}

function visitFields(r: Rewriting, node: Tree, scope: Scope): void {
  for (const value of Object.values(node)) rewriteNode(r, value, scope)
}

/** Where a field has one type only, the tree does not name it. */
function kindOfFields(node: Tree): string {
  if (typeof node['relname'] === 'string') return 'RangeVar'
  if (Array.isArray(node['names'])) return 'TypeName'
  if (Array.isArray(node['objname'])) return 'ObjectWithArgs'
  if (Array.isArray(node['collname'])) return 'CollateClause'
  if ('is_grant' in node || 'grantees' in node) return 'GrantStmt'
  return ''
}
