import { nodesOf, isTree, itemsOf, listAt, stringAt, treeAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { renameColumns, renameQualified, renameRangeVar, renameRelationList, renameSchema, renameType } from './rewrite-names.ts'
import { EMPTY_SCOPE } from './rewriting.ts'
import type { Rewriting } from './rewriting.ts'

const RELATIONS: ReadonlySet<string> = new Set([
  'OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_SEQUENCE', 'OBJECT_INDEX', 'OBJECT_FOREIGN_TABLE', 'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY', 'OBJECT_TYPE', 'OBJECT_DOMAIN',
]) // prettier-ignore

/** The object of COMMENT, SECURITY LABEL, GRANT, ALTER … OWNER, DROP and the like: how it is named depends on its type. */
export function rewriteObject(r: Rewriting, type: string | undefined, object: TreeValue): void {
  if (!isTree(object)) return
  const items = itemsOf(object)
  const string = treeAt(object, 'String')
  if (type === 'OBJECT_SCHEMA' && string) renameSchema(r, string, 'sval')
  else if (type === 'OBJECT_COLUMN' || type === 'OBJECT_ATTRIBUTE') renameRelationList(r, items, true)
  else if (type === 'OBJECT_OPCLASS' || type === 'OBJECT_OPFAMILY') renameQualified(r, items.slice(1))
  else if (items.length === 0 || items.some((item) => isTree(item) && 'TypeName' in item)) r.visit(object, EMPTY_SCOPE)
  else if (type !== undefined && RELATIONS.has(type)) renameRelationList(r, items)
  else renameQualified(r, items)
}

export function rewriteGrant(r: Rewriting, grant: Tree): void {
  const objects = listAt(grant, 'objects')
  const inSchema = stringAt(grant, 'targtype') === 'ACL_TARGET_ALL_IN_SCHEMA'
  const type = inSchema ? 'OBJECT_SCHEMA' : stringAt(grant, 'objtype')
  for (const object of objects) {
    const rangeVar = isTree(object) ? treeAt(object, 'RangeVar') : undefined
    if (!rangeVar) rewriteObject(r, type, object)
    else {
      const table = renameRangeVar(r, rangeVar)
      for (const privilege of nodesOf(listAt(grant, 'privileges'), 'AccessPriv')) renameColumns(r, table, listAt(privilege, 'cols'))
    }
  }
}

/** Of the attributes that CREATE AGGREGATE, OPERATOR, TYPE, … give as a name, those that name a type; the others name functions and the like. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'stype',
  'mstype',
  'basetype',
  'leftarg',
  'rightarg',
  'subtype',
  'element',
  'like',
  'as',
])

export function rewriteAttribute(r: Rewriting, attribute: Tree): void {
  const name = stringAt(attribute, 'defname') ?? ''
  const argument = attribute['arg']
  if (!isTree(argument)) return
  const typeName = treeAt(argument, 'TypeName')
  const items = itemsOf(argument)
  if (typeName && TYPE_ATTRIBUTES.has(name)) renameType(r, typeName)
  else if (typeName) renameQualified(r, listAt(typeName, 'names'))
  else if (name === 'owned_by') renameRelationList(r, items, true)
  else if (name === 'sequence_name') renameRelationList(r, items)
  else if (name === 'schemas') for (const schema of nodesOf(items, 'String')) renameSchema(r, schema, 'sval')
  else if (items.length > 0 && nodesOf(items, 'String').length === items.length) renameQualified(r, items)
  else r.visit(argument, EMPTY_SCOPE)
}

export function rewriteExtension(r: Rewriting, extension: Tree): void {
  for (const option of nodesOf(listAt(extension, 'options'), 'DefElem')) {
    const schema = stringAt(option, 'defname') === 'schema' ? treeAt(treeAt(option, 'arg'), 'String') : undefined
    if (schema) renameSchema(r, schema, 'sval')
  }
}
