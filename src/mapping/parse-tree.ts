/** A node of libpg-query's parse tree as it comes: `{"ColumnRef": {…}}` or, where a field has one type only, its fields alone. */
export interface Tree {
  [field: string]: TreeValue
}
export type TreeValue = string | number | boolean | null | undefined | Tree | TreeValue[]

/** Positions in the text; everything else of a tree is meaning. */
const POSITIONS: ReadonlySet<string> = new Set([
  'location', 'stmt_location', 'stmt_len', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end', 'name_location', 'version',
]) // prettier-ignore

export function isTree(value: TreeValue): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields under a key; undefined where there are none. */
export function treeAt(node: Tree | undefined, field: string): Tree | undefined {
  const value = node?.[field]
  return isTree(value) ? value : undefined
}

/** The list under a key; empty where there is none. */
export function listAt(node: Tree | undefined, field: string): TreeValue[] {
  const value = node?.[field]
  return Array.isArray(value) ? value : []
}

/** The nodes of a list, unwrapped from their kind: of `[{"String": {…}}]` the inner fields. Nodes of other kinds are left out. */
export function nodesOf(list: readonly TreeValue[], kind: string): Tree[] {
  return list.flatMap((item) => {
    const node = isTree(item) ? item[kind] : undefined
    return isTree(node) ? [node] : []
  })
}

export function stringAt(node: Tree | undefined, field: string): string | undefined {
  const value = node?.[field]
  return typeof value === 'string' ? value : undefined
}

/** The items of a `List` node. */
export function itemsOf(value: TreeValue): TreeValue[] {
  return isTree(value) ? listAt(treeAt(value, 'List'), 'items') : []
}

/** The kind and the fields of a wrapped node; undefined for fields alone. */
export function unwrap(value: Tree): [kind: string, fields: Tree] | undefined {
  const [kind, ...more] = Object.keys(value)
  if (kind === undefined || more.length > 0 || !/^[A-Z]/.test(kind)) return undefined
  const fields = value[kind]
  return isTree(fields) ? [kind, fields] : undefined
}

/** Whether two trees mean the same: equal but for positions in the text. */
export function sameTree(a: TreeValue, b: TreeValue): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameTree(item, b[index]))
  if (!isTree(a) || !isTree(b)) return a === b
  const fields = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...fields].every((field) => POSITIONS.has(field) || sameTree(a[field], b[field]))
}
