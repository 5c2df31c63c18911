import { NameMap } from '../mapping/name-map.ts'
import type { RelationName } from '../mapping/name-map.ts'
import { ownRenaming } from '../mapping/own-renaming.ts'
import type { OwnRenamingOptions } from '../mapping/own-renaming.ts'
import { rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { nameOf, scan } from '../mapping/sql-parser.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { TocEntry } from './archive-toc.ts'

export interface RenamingFacts extends Pick<OwnRenamingOptions, 'isTaken' | 'mayRename'> {
  readonly names: NameMap
}

export interface DefinitionByRenaming {
  /** Runs as a whole, in one transaction. */
  readonly definition: string
  /** Its parts: statements that rename, the object's own, statements that rename back. */
  readonly parts: { readonly before: readonly string[]; readonly statement: string; readonly after: readonly string[] }
  /** What has its source name meanwhile, by that name. */
  readonly relations: readonly RelationName[]
}

const WITH_QUERY: ReadonlySet<string> = new Set(['VIEW', 'MATERIALIZED VIEW', 'RULE', 'POLICY', 'FUNCTION', 'PROCEDURE'])

/**
 * The definition of an object whose text holds a query, as PostgreSQL itself brings it under other names: made under the source's
 * names while the relations that it mentions have them too, for a moment. It then reads as if somebody had renamed the tables,
 * without the aliases that keep old names in a rewritten text.
 *
 * @returns undefined where nothing of it is renamed, or that way is closed
 */
export function definitionByRenaming(
  entry: Pick<TocEntry, 'kind' | 'schema' | 'tag' | 'definition'>,
  { names, isTaken, mayRename }: RenamingFacts,
): DefinitionByRenaming | undefined {
  const { kind, schema, tag, definition } = entry
  if (!WITH_QUERY.has(kind)) return undefined
  const tokens = scan(definition)
  const words = new Set(tokens?.map((token) => nameOf(token)))
  // Where no query is in it, each name stands alone and is rewritten as PostgreSQL would word it.
  if (kind === 'POLICY' && !words.has('select')) return undefined
  // The text of a string is no definition: PostgreSQL renames nothing in it.
  if ((kind === 'FUNCTION' || kind === 'PROCEDURE') && !words.has('atomic')) return undefined
  const strings = (tokens ?? []).flatMap(({ kind: token, text }) => (token === 'SCONST' ? [text] : []))
  const mentioned = names.data.tables.filter(({ name }) => words.has(name) || strings.some((text) => text.includes(name)))
  if (mentioned.length === 0) return undefined
  const made = schema !== null && (kind === 'VIEW' || kind === 'MATERIALIZED VIEW') ? { schema, name: tag } : undefined
  const renaming = ownRenaming({ names, mentioned, made, isTaken, mayRename })
  if (!renaming) return undefined
  try {
    const schemasOnly = schemasOf(names)
    const { definition: original } = rewriteDefinition(definition, schemasOnly)
    const { before, after, relations } = renaming
    return { definition: [...before, original, ...after].join('\n'), parts: { before, statement: original, after }, relations }
  } catch (error) {
    if (error instanceof UnrewritableError) return undefined
    throw error
  }
}

const cache = new WeakMap<NameMap, NameMap>()

function schemasOf(names: NameMap): NameMap {
  const known = cache.get(names) ?? new NameMap({ schemas: names.data.schemas, tables: [] })
  cache.set(names, known)
  return known
}
