import type { MarkedStatements } from './marked-statements.ts'
import type { NameIndex } from './name-index.ts'
import type { RelationName } from './name-map.ts'
import type { TreeValue } from './parse-tree.ts'

/** Something that columns can be taken from: an item of FROM, the table of a policy, old and new of a trigger or rule. */
export interface ColumnSource {
  /** The name that references use on the source, and the one they have to use on the target. */
  readonly ref: string
  readonly target: string
  /** The table behind it, if it has another name or other columns on the target. */
  readonly relation?: RelationName | undefined
  /** Source names of its columns with the target's; undefined if they don't differ or are not known. */
  readonly columns?: ReadonlyMap<string, string> | undefined
  /** References have to use the target's names; else an alias with a column list keeps the source's. */
  readonly direct?: boolean
  /** Only references with the name in front mean it: old, new, excluded. */
  readonly qualifiedOnly?: boolean
  /** The result of a function: which columns it has depends on a type. */
  readonly fromFunction?: boolean
}

export interface Scope {
  /** Innermost query first. */
  readonly frames: readonly (readonly ColumnSource[])[]
  /** The table whose columns keys, index elements and SET lists name. */
  readonly table?: RelationName | undefined
}

export const EMPTY_SCOPE: Scope = { frames: [] }

/** One rewriting of one text. */
export interface Rewriting {
  readonly statements: MarkedStatements
  readonly index: NameIndex
  /** What the text defines, for errors and remarks. */
  readonly object: string
  readonly remarks: string[]
  /** In the text of an SQL function: the schemas of its own search_path, undefined if it has none. Absent elsewhere: names are qualified. */
  readonly body?: { readonly path: readonly string[] | undefined; readonly commonTables: ReadonlySet<string> }
  /** Rewrites a node and everything below it. */
  visit(value: TreeValue, scope: Scope): void
  /** Rewrites a text of its own by the same rules; the text itself if nothing changes. */
  rewriteText(text: string, body?: Rewriting['body']): string
}
