import { parseSync } from 'libpg-query'

type Tree = Readonly<Record<string, unknown>>

export interface TreeOptions {
  /** One of the servers is older than 14: it has date_part where newer ones have extract. */
  readonly datePart: boolean
}

const PLACES: ReadonlySet<string> = new Set([
  'location', 'stmt_location', 'stmt_len', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end', 'name_location', 'funcformat',
]) // prettier-ignore
const NAME_LISTS: ReadonlySet<string> = new Set(['funcname', 'names', 'collname', 'name', 'opclass', 'defnames'])

/**
 * A statement's parse tree as text, without what servers of different versions word differently though it means the same: places in the
 * text, `pg_catalog.`, SQL syntax or a plain call, a cast of an array or of its elements, nesting of AND and OR, and in the outermost
 * query over one table the table's name before its columns, which 16 and later leave out. With `pick`, only those parts.
 *
 * `loadParser` must have been awaited.
 *
 * @throws if the parser does not know the statement
 */
export function comparableTree(statement: string, options: TreeOptions, pick?: (statement: Tree) => unknown): string {
  const { stmts } = parseSync(statement) as unknown as { stmts?: { stmt: Tree }[] }
  const [only] = stmts ?? []
  if (!only || stmts?.length !== 1) throw new Error('not one statement')
  const plain = normal(only.stmt, options) as Tree
  const query = queryOf(plain)
  if (query) unqualify(query)
  return JSON.stringify(pick ? pick(plain) : plain)
}

/** The parts of CREATE FUNCTION that are its body. */
export function functionBody(statement: Tree): unknown {
  const create = statement['CreateFunctionStmt'] as { options?: { DefElem: Tree }[]; sql_body?: unknown } | undefined
  const source = create?.options?.find(({ DefElem }) => DefElem['defname'] === 'as')?.DefElem['arg'] as Tree | undefined
  return [source ?? null, create?.sql_body ?? null]
}

function normal(value: unknown, options: TreeOptions): unknown {
  if (Array.isArray(value)) return value.map((item) => normal(item, options))
  if (typeof value !== 'object' || value === null) return value
  const plain: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (PLACES.has(key)) continue
    plain[key] =
      NAME_LISTS.has(key) && Array.isArray(inner) ? bareNames(normal(inner, options) as unknown[], options) : normal(inner, options)
  }
  return castElements(flattened(plain))
}

function bareNames(names: unknown[], { datePart }: TreeOptions): unknown[] {
  const bare = names.length > 1 && nameOf(names[0]) === 'pg_catalog' ? names.slice(1) : names
  return datePart && bare.length === 1 && nameOf(bare[0]) === 'extract' ? [{ String: { sval: 'date_part' } }] : bare
}

function nameOf(node: unknown): string | undefined {
  return (node as { String?: { sval?: string } } | undefined)?.String?.sval
}

/** `(a and b) and c` is `a and b and c`. */
function flattened(node: Record<string, unknown>): Record<string, unknown> {
  const bool = node['BoolExpr'] as { boolop: string; args: Record<string, unknown>[] } | undefined
  if (!bool || bool.boolop === 'NOT_EXPR') return node
  const args = bool.args.flatMap((arg) => {
    const inner = arg['BoolExpr'] as { boolop: string; args: Record<string, unknown>[] } | undefined
    return inner?.boolop === bool.boolop ? inner.args : [arg]
  })
  return { BoolExpr: { ...bool, args } }
}

/** `array[a, b]::t[]` is read as `array[a::t, b::t]`, and so printed from then on. */
function castElements(node: Record<string, unknown>): Record<string, unknown> {
  const cast = node['TypeCast'] as { arg: Record<string, unknown>; typeName: Record<string, unknown> } | undefined
  const array = cast?.arg['A_ArrayExpr'] as { elements?: Record<string, unknown>[] } | undefined
  if (!cast || !array || !cast.typeName['arrayBounds']) return node
  const { arrayBounds, ...element } = cast.typeName
  const bounds = arrayBounds as unknown[]
  const typeName = bounds.length > 1 ? { ...element, arrayBounds: bounds.slice(1) } : element
  const elements = (array.elements ?? []).map((arg) => castElements({ TypeCast: { arg, typeName } }))
  return elements.length === 0 ? node : { A_ArrayExpr: { ...array, elements } }
}

function queryOf(statement: Tree): Record<string, unknown> | undefined {
  const view = statement['ViewStmt'] as { query?: Tree } | undefined
  return view?.query?.['SelectStmt'] as Record<string, unknown> | undefined
}

/** Columns of the one table of a query without its name before them; not within subqueries, which every version qualifies. */
function unqualify(query: Record<string, unknown>): void {
  const from = query['fromClause'] as Tree[] | undefined
  if (from?.length !== 1 || from[0] === undefined) return
  const name = rangeName(from[0])
  if (name === undefined) return
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'SelectStmt' || key === 'fromClause' || key === 'withClause') continue
      if (key === 'ColumnRef') {
        const reference = inner as { fields: unknown[] }
        const last = reference.fields.at(-1) as Tree | undefined
        if (reference.fields.length === 2 && nameOf(reference.fields[0]) === name && last?.['String']) reference.fields = [last]
      } else visit(inner)
    }
  }
  visit(query)
}

function rangeName(item: Tree): string | undefined {
  const [node] = Object.values(item) as { alias?: { aliasname: string }; relname?: string }[]
  if (item['JoinExpr'] !== undefined) return undefined
  return node?.alias?.aliasname ?? node?.relname
}
