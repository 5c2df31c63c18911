import { ident, qualified } from '../postgres/quote.ts'
import type { NameMap, RelationName } from './name-map.ts'

/** Statements that give relations their source names for a while, and take them back. */
export interface OwnRenaming {
  /** By their names on the source; without the relation that the definition makes. */
  readonly relations: readonly RelationName[]
  readonly before: readonly string[]
  readonly after: readonly string[]
}

export interface OwnRenamingOptions {
  readonly names: NameMap
  /** Relations of the source that a definition mentions in its queries; others may be among them. */
  readonly mentioned: readonly RelationName[]
  /** The relation that the definition makes: it gets its own name at the end. */
  readonly made?: RelationName | undefined
  /** Whether a name is taken on the target, by target schema and name, by anything that shares the namespaces of relations and types. */
  readonly isTaken: (schema: string, name: string) => boolean
  /** Whether pgmove may rename the relation, by its source name: false for what it did not make, and for children of others. */
  readonly mayRename: (relation: RelationName) => boolean
}

/**
 * PostgreSQL's own renaming around a definition: mapped relations get the source's names (in the target's schema), the definition
 * is run as it stands on the source, and the names come back; so every dependent follows by OID, whatever it is made of. Two
 * relations may have swapped their names. To be run in one transaction.
 *
 * @returns undefined where a name is taken, or something must not be renamed
 */
export function ownRenaming({ names, mentioned, made, isTaken, mayRename }: OwnRenamingOptions): OwnRenaming | undefined {
  const moved = new Map<string, RelationName>()
  const bySchemaAndTarget = new Map(
    names.data.tables.map((table) => {
      const { schema, name } = names.relation(table)
      return [key(schema, name), { schema: table.schema, name: table.name }]
    }),
  )
  const waiting = mentioned.filter((relation) =>
    names.data.tables.some(({ schema, name }) => schema === relation.schema && name === relation.name),
  )
  const self = made && key(made.schema, made.name)
  for (const relation of waiting) {
    const { schema, name } = relation
    const own = key(schema, name)
    if (moved.has(own)) continue
    if (own !== self && !mayRename(relation)) return undefined
    moved.set(own, relation)
    const target = names.relation(relation)
    if (target.name === name || !isTaken(target.schema, name)) continue
    // Whoever has the name must be somebody who has moved there: it steps aside too.
    const holder = bySchemaAndTarget.get(key(target.schema, name))
    if (!holder) return undefined
    waiting.push(holder)
  }
  const all = [...moved.values()]
  const others = all.filter((relation) => key(relation.schema, relation.name) !== self)
  return {
    relations: others,
    before: [...renameRelations(others, names, 'back'), ...others.flatMap((relation) => renameColumns(relation, names, 'back'))],
    after: [...others.flatMap((relation) => renameColumns(relation, names, 'forth')), ...renameRelations(all, names, 'forth')],
  }
}

/** In two steps, so that names can be swapped. */
function renameRelations(relations: readonly RelationName[], names: NameMap, way: 'back' | 'forth'): string[] {
  const renamed = relations.flatMap((relation, n) => {
    const target = names.relation(relation)
    const [from, to] = way === 'back' ? [target.name, relation.name] : [relation.name, target.name]
    return from === to ? [] : [{ schema: target.schema, from, to, between: `pgmove~${n}` }]
  })
  const direct = renamed.every(({ schema, to }) => !renamed.some((other) => other.schema === schema && other.from === to))
  if (direct) return renamed.map(({ schema, from, to }) => `alter table ${qualified(schema, from)} rename to ${ident(to)};`)
  return [
    ...renamed.map(({ schema, from, between }) => `alter table ${qualified(schema, from)} rename to ${ident(between)};`),
    ...renamed.map(({ schema, between, to }) => `alter table ${qualified(schema, between)} rename to ${ident(to)};`),
  ]
}

function renameColumns(relation: RelationName, names: NameMap, way: 'back' | 'forth'): string[] {
  const { schema } = names.relation(relation)
  const table = qualified(schema, relation.name)
  const renamed = [...(names.columns(relation) ?? [])].flatMap(([source, target]) => {
    const [from, to] = way === 'back' ? [target, source] : [source, target]
    return from === to ? [] : [{ from, to }]
  })
  const rename = (from: string, to: string) => `alter table ${table} rename column ${ident(from)} to ${ident(to)};`
  const direct = renamed.every(({ to }) => !renamed.some((other) => other.from === to))
  if (direct) return renamed.map(({ from, to }) => rename(from, to))
  return [...renamed.map(({ from }, n) => rename(from, `pgmove~${n}`)), ...renamed.map(({ to }, n) => rename(`pgmove~${n}`, to))]
}

function key(schema: string, name: string): string {
  return `${schema}\0${name}`
}
