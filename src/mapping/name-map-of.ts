import type { MigrationSpec, ObjectEntry } from '../spec/migration-spec.ts'
import { isPattern, matchesPattern } from '../spec/name-pattern.ts'
import { NameMap } from './name-map.ts'
import type { MappedTable, RelationName } from './name-map.ts'

/** A table or view of the source's catalogue, as far as the mapping asks for it. */
export interface MappableRelation extends RelationName {
  /** In the order of the catalogue. */
  readonly columns: readonly string[]
  /** The partitioned table, or the tables that it inherits from, in their order. */
  readonly parents: readonly RelationName[]
  /** It is a partition: the entry of its topmost partitioned table holds for it too. */
  readonly partition: boolean
}

/**
 * How the spec's names are called on the target, worked out against the source's catalogue. A table entry (the first that matches)
 * gives the name and chooses the columns; the schema comes from the schema's own entry. A partition keeps its name and takes its
 * root's columns. A table that inherits takes the new names of inherited columns, unless its own entry chooses columns.
 */
export function nameMapOf(spec: Pick<MigrationSpec, 'objects'>, relations: readonly MappableRelation[]): NameMap {
  const entries = spec.objects ?? []
  const schemas = entries.flatMap(({ schema, table, as }) =>
    table === undefined && as !== undefined && as !== schema ? [[schema, as] as const] : [],
  )
  const byName = new Map(relations.map((relation) => [key(relation), relation]))
  const done = new Map<string, MappedTable>()
  const visit = (relation: MappableRelation): MappedTable => {
    const known = done.get(key(relation))
    if (known) return known
    const mapped = mapRelation(relation, entries, (parent) => {
      const above = byName.get(key(parent))
      return above && visit(above)
    })
    done.set(key(relation), mapped)
    return mapped
  }
  const tables = relations.map(visit).filter(({ name, as, columns }) => as !== name || columns !== undefined)
  return new NameMap({ schemas, tables })
}

/** The entry that decides on a table's name and columns: the first that names it or whose pattern matches. */
export function tableEntry(entries: readonly ObjectEntry[], { schema, name }: RelationName): ObjectEntry | undefined {
  return entries.find((entry) => entry.schema === schema && entry.table !== undefined && matchesPattern(entry.table, name))
}

function mapRelation(
  relation: MappableRelation,
  entries: readonly ObjectEntry[],
  mapParent: (parent: RelationName) => MappedTable | undefined,
): MappedTable {
  const { schema, name } = relation
  const parents = relation.parents.flatMap((parent) => mapParent(parent) ?? [])
  const entry = relation.partition ? undefined : tableEntry(entries, relation)
  const as = entry?.as !== undefined && entry.table !== undefined && !isPattern(entry.table) ? entry.as : name
  const columns = entry?.columns ? chosen(relation, entry.columns) : inherited(relation, parents)
  return { schema, name, as, ...(columns ? { columns } : {}) }
}

function chosen({ columns }: MappableRelation, wanted: NonNullable<ObjectEntry['columns']>): MappedTable['columns'] {
  const names = new Map(wanted.map((column) => (typeof column === 'string' ? [column, column] : [column.name, column.as ?? column.name])))
  return columns.flatMap((column) => {
    const as = names.get(column)
    return as === undefined ? [] : [[column, as] as const]
  })
}

/** Of a partition exactly its root's columns; of another child the names that its parents' columns get. */
function inherited({ columns, partition }: MappableRelation, parents: readonly MappedTable[]): MappedTable['columns'] {
  const mapped = parents.flatMap((parent) => parent.columns ?? [])
  if (mapped.length === 0) return undefined
  const names = new Map(mapped)
  if (partition) return columns.flatMap((column) => (names.has(column) ? [[column, names.get(column) ?? column] as const] : []))
  if (!columns.some((column) => (names.get(column) ?? column) !== column)) return undefined
  return columns.map((column) => [column, names.get(column) ?? column] as const)
}

function key({ schema, name }: RelationName): string {
  return `${schema}\0${name}`
}
