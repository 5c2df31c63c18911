import { ident } from '../postgres/quote.ts'
import { Obstacle } from './obstacle.ts'
import { listAt, nodesOf, stringAt } from './parse-tree.ts'
import type { Tree } from './parse-tree.ts'
import { leftOut } from './rewrite-names.ts'
import type { ColumnSource, Rewriting, Scope } from './rewriting.ts'

/** Where a reference stands: in an expression, or in a target list, where a star stands for columns rather than for a row. */
export type Place = 'value' | 'target'

/** A reference to a column, resolved as PostgreSQL does; whole rows too. */
export function rewriteColumnRef(r: Rewriting, ref: Tree, scope: Scope, place: Place): void {
  const fields = listAt(ref, 'fields')
  const parts = nodesOf(fields, 'String')
  const star = fields.length > parts.length
  const column = star ? undefined : parts.at(-1)
  const qualifiers = star ? parts : parts.slice(0, -1)
  const [first, second] = qualifiers
  if (first && second) rewriteQualifiedBySchema(r, ref, [first, second], column, scope)
  else if (first) rewriteQualified(r, first, column, scope, place)
  else if (column) rewriteUnqualified(r, ref, column, scope)
  else for (const source of scope.frames[0] ?? []) refuseExpansion(r, source)
}

function rewriteQualified(r: Rewriting, qualifier: Tree, column: Tree | undefined, { frames }: Scope, place: Place): void {
  const ref = stringAt(qualifier, 'sval')
  const depth = frames.findIndex((sources) => sources.some((source) => source.ref === ref))
  const source = frames[depth]?.find((candidate) => candidate.ref === ref)
  if (!source) return
  if (source.target !== ref) {
    const hidden = frames.slice(0, depth).some((sources) => sources.some(({ target }) => target === source.target))
    if (hidden) throw new Obstacle(`${source.target} means another table inside a subquery`)
    r.statements.rename(qualifier, 'sval', source.target)
  }
  if (column) renameOf(r, source, column)
  else if (place === 'target') refuseExpansion(r, source)
  else refuseWholeRow(source)
}

function rewriteUnqualified(r: Rewriting, ref: Tree, column: Tree, { frames }: Scope): void {
  const name = stringAt(column, 'sval') ?? ''
  let hiding = false
  for (const all of frames) {
    const sources = all.filter(({ qualifiedOnly }) => qualifiedOnly !== true)
    const owner = sources.find(
      ({ columns, relation }) => columns?.has(name) ?? (relation !== undefined && r.index.isLeftOut(relation, name)),
    )
    const missing = sources.find(({ relation }) => relation !== undefined && r.index.isLeftOut(relation, name))
    if (owner) {
      const target = owner.columns?.get(name)
      if (owner.direct !== true || target === undefined || target === name) return
      if (hiding) throw new Obstacle(`whether ${name} is a column of ${owner.ref} depends on other tables of the query`)
      if (sources.length > 1) qualify(r, ref, column, owner.target)
      r.statements.rename(column, 'sval', target)
      return
    }
    if (missing?.relation) throw leftOut(missing.relation, name)
    const row = sources.find((source) => source.ref === name)
    if (row) {
      refuseWholeRow(row)
      r.statements.rename(column, 'sval', row.target)
      return
    }
    const [only] = sources
    if (
      only?.direct === true &&
      sources.length === 1 &&
      only.columns &&
      !r.body &&
      !hiding &&
      only.relation &&
      !r.index.isSystemColumn(name)
    ) {
      throw leftOut(only.relation, name)
    }
    if (r.index.columns.has(name) && sources.some(({ fromFunction }) => fromFunction)) {
      throw new Obstacle(`${name} may be a column of a function's result that has another name on the target`)
    }
    hiding ||= sources.length > 0
  }
}

/** `schema.table.column`: an alias would hide the schema, so it is taken away where the table gets one. */
function rewriteQualifiedBySchema(
  r: Rewriting,
  ref: Tree,
  [schema, table]: [Tree, Tree],
  column: Tree | undefined,
  { frames }: Scope,
): void {
  const relation = { schema: stringAt(schema, 'sval') ?? '', name: stringAt(table, 'sval') ?? '' }
  if (!r.index.map.touches(relation)) return
  const source = frames.flat().find((candidate) => candidate.ref === relation.name && candidate.relation?.schema === relation.schema)
  if (!source) throw new Obstacle(`${relation.schema}.${relation.name} is not one of the query's tables`)
  const target = r.index.map.relation(relation)
  if (target.name === relation.name && !source.columns) {
    r.statements.rename(schema, 'sval', target.schema)
    return
  }
  const { tokens } = r.statements
  const from = r.statements.tokenAt(Number(ref['location']))
  r.statements.replace(tokens[from]?.start ?? 0, tokens[from + 2]?.start ?? 0, '')
  listAt(ref, 'fields').shift()
  r.statements.rename(table, 'sval', source.target)
  if (column) renameOf(r, source, column)
  else refuseWholeRow(source)
}

function renameOf(r: Rewriting, source: ColumnSource, column: Tree): void {
  const name = stringAt(column, 'sval') ?? ''
  if (source.fromFunction && r.index.columns.has(name)) {
    throw new Obstacle(`${source.ref}.${name} may be a column that has another name on the target`)
  }
  if (!source.columns || r.index.isSystemColumn(name)) return
  const target = source.columns.get(name)
  if (target === undefined) throw leftOut(source.relation ?? { schema: '', name: source.ref }, name)
  if (source.direct) r.statements.rename(column, 'sval', target)
}

function qualify(r: Rewriting, ref: Tree, column: Tree, by: string): void {
  const start = r.statements.tokens[r.statements.tokenOf(column, 'sval')]?.start ?? 0
  r.statements.replace(start, start, `${ident(by)}.`)
  listAt(ref, 'fields').unshift({ String: { sval: by } })
}

function refuseWholeRow({ ref, columns, qualifiedOnly }: ColumnSource): void {
  // Rows of old and new are compared with each other: the columns that are there count.
  if (columns && qualifiedOnly !== true) throw new Obstacle(`a whole row of ${ref} has other columns on the target`)
}

function refuseExpansion(r: Rewriting, { ref, relation, columns }: ColumnSource): void {
  if (columns && relation && r.index.leavesOut(relation)) throw new Obstacle(`${ref}.* has fewer columns on the target`)
}
