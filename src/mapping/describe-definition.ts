import { isTree, listAt, nodesOf, stringAt, treeAt, unwrap } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'

/** What a text defines, by its first statement: `function app.f(integer)`, `index …`; undefined for an empty text. */
export function objectLabel(tree: Tree): string | undefined {
  const [first] = listAt(tree, 'stmts')
  const statement = isTree(first) ? treeAt(first, 'stmt') : undefined
  const [kind, node] = (statement && unwrap(statement)) ?? []
  if (kind === undefined || !node) return undefined
  if (kind === 'CreateFunctionStmt') {
    const parameters = nodesOf(listAt(node, 'parameters'), 'FunctionParameter')
    const inputs = parameters.filter(
      (parameter) => !/OUT$|TABLE$/.test(stringAt(parameter, 'mode') ?? '') || stringAt(parameter, 'mode') === 'FUNC_PARAM_INOUT',
    )
    const types = inputs.map((parameter) => typeLabel(treeAt(parameter, 'argType')))
    return `${node['is_procedure'] === true ? 'procedure' : 'function'} ${names(listAt(node, 'funcname'))}(${types.join(', ')})`
  }
  const rangeVar = treeAt(node, 'relation') ?? treeAt(node, 'view') ?? treeAt(node, 'table') ?? treeAt(treeAt(node, 'into'), 'rel')
  const own = ['idxname', 'policy_name', 'trigname', 'rulename'].flatMap((field) => stringAt(node, field) ?? [])
  const what = kind
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase()
  const on = rangeVar
    ? [stringAt(rangeVar, 'schemaname'), stringAt(rangeVar, 'relname')].filter((part) => part !== undefined).join('.')
    : ''
  return [what.replace('create ', ''), ...own, own.length > 0 && on !== '' ? `on ${on}` : on].filter((part) => part !== '').join(' ')
}

/** Names of the common table expressions of a text. */
export function commonTablesOf(value: TreeValue): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (inner: TreeValue): void => {
    if (Array.isArray(inner)) for (const item of inner) visit(item)
    else if (isTree(inner)) {
      const name = stringAt(inner, 'ctename')
      if (name !== undefined) found.add(name)
      for (const field of Object.values(inner)) visit(field)
    }
  }
  visit(value)
  return found
}

/** SQL's names of the types that the parser turns into pg_catalog's. */
const SQL_TYPES: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  bool: 'boolean',
  float4: 'real',
  float8: 'double precision',
  varchar: 'character varying',
  bpchar: 'character',
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
  timetz: 'time with time zone',
  time: 'time without time zone',
}

function typeLabel(typeName: Tree | undefined): string {
  const parts = nodesOf(listAt(typeName, 'names'), 'String').map((part) => stringAt(part, 'sval') ?? '')
  const name = parts[0] === 'pg_catalog' ? (SQL_TYPES[parts[1] ?? ''] ?? parts[1] ?? '') : parts.join('.')
  return (
    name +
    listAt(typeName, 'arrayBounds')
      .map(() => '[]')
      .join('')
  )
}

function names(list: readonly TreeValue[]): string {
  return nodesOf(list, 'String')
    .map((part) => stringAt(part, 'sval') ?? '')
    .join('.')
}
