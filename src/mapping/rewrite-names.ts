import type { RelationName } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { listAt, nodesOf, stringAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import type { Rewriting, Scope } from './rewriting.ts'

/** A list of names `schema.name` of anything but a relation; unqualified ones mean pg_catalog. */
export function renameQualified(r: Rewriting, list: readonly TreeValue[]): void {
  const parts = nodesOf(list, 'String')
  const [schema] = parts
  if (schema && parts.length === 2) renameSchema(r, schema, 'sval')
}

export function renameSchema(r: Rewriting, holder: Tree, field: string): void {
  const name = stringAt(holder, field)
  if (name !== undefined) r.statements.rename(holder, field, r.index.map.schema(name))
}

/** A list `schema.relation`, with more parts `schema.relation.column` if `column` is set; other last parts keep their name. */
export function renameRelationList(r: Rewriting, list: readonly TreeValue[], column = false): void {
  const parts = nodesOf(list, 'String')
  const [schema, name, last] = parts
  if (!schema || !name) return
  const relation = { schema: stringAt(schema, 'sval') ?? '', name: stringAt(name, 'sval') ?? '' }
  const target = r.index.map.relation(relation)
  if (column && last) renameColumn(r, relation, last, 'sval')
  r.statements.rename(schema, 'sval', target.schema)
  r.statements.rename(name, 'sval', target.name)
}

/** A reference to a relation. Gives the source's name where it is known. */
export function renameRangeVar(r: Rewriting, rangeVar: Tree): RelationName | undefined {
  const name = stringAt(rangeVar, 'relname') ?? ''
  const written = stringAt(rangeVar, 'schemaname')
  const schema = written ?? schemaOnPath(r, name)
  if (schema === undefined) return undefined
  const target = r.index.map.relation({ schema, name })
  if (written !== undefined) r.statements.rename(rangeVar, 'schemaname', target.schema)
  r.statements.rename(rangeVar, 'relname', target.name)
  return { schema, name }
}

/** The schema of an unqualified name in a function's body, as far as the function itself decides it. */
function schemaOnPath({ index, body }: Rewriting, name: string): string | undefined {
  const mapped = index.relations.get(name)
  if (!body || !mapped || body.commonTables.has(name)) return undefined
  const path = body.path?.filter((schema) => schema !== 'pg_catalog' && schema !== 'pg_temp')
  const onPath = mapped.filter(({ schema }) => path === undefined || path.includes('$user') || path.includes(schema))
  if (onPath.length === 0) return undefined
  const first = path?.[0]
  if (onPath.some(({ schema }) => schema === first)) return first
  throw new Obstacle(`which table ${name} is depends on the search_path`)
}

export function renameType(r: Rewriting, typeName: Tree): void {
  const names = listAt(typeName, 'names')
  if (typeName['pct_type'] === true) renameRelationList(r, names, true)
  else if (names.length === 2) renameRelationList(r, names)
}

/** A column of a table, by name; a name that the table lacks on the target stops the rewriting. */
export function renameColumn(r: Rewriting, table: RelationName | undefined, holder: Tree, field: string): void {
  const name = stringAt(holder, field)
  if (table === undefined || name === undefined) return
  const target = r.index.map.column(table, name)
  if (target !== undefined) r.statements.rename(holder, field, target)
  else if (!r.index.isSystemColumn(name)) throw leftOut(table, name)
}

export function renameColumns(r: Rewriting, table: RelationName | undefined, list: readonly TreeValue[]): void {
  for (const column of nodesOf(list, 'String')) renameColumn(r, table, column, 'sval')
}

export function leftOut({ schema, name }: RelationName, column: string): Obstacle {
  return new Obstacle(`it needs the column ${column} of ${schema}.${name}, which is left out`)
}

/** The scope of expressions in which only one table's columns can be named, and not by an alias. */
export function tableScope({ index }: Rewriting, table: RelationName | undefined): Scope {
  if (!table) return { frames: [] }
  const columns = index.map.columns(table)
  return { table, frames: [[{ ref: table.name, target: index.map.relation(table).name, relation: table, columns, direct: true }]] }
}

export function isSelected(r: Rewriting, table: RelationName, column: string): boolean {
  return r.index.map.column(table, column) !== undefined || r.index.isSystemColumn(column)
}
