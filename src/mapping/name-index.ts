import type { NameMap, RelationName } from './name-map.ts'

/** A column of the source that the target's table lacks. */
export interface MissingColumn {
  readonly schema: string
  readonly table: string
  readonly column: string
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid', 'oid'])

/** The names of a map by what a definition can hold of them, made once for all definitions. */
export class NameIndex {
  readonly map: NameMap
  /** Identifiers that a rewriting may have to change or to look at. */
  readonly names: ReadonlySet<string>
  /** Besides, the target's names of tables: what already has such a name may have to give way. */
  readonly marked: ReadonlySet<string>
  /** Source names of mapped schemas. */
  readonly schemas: ReadonlySet<string>
  /** Mapped tables by their bare name on the source. */
  readonly relations: ReadonlyMap<string, readonly RelationName[]>
  /** Tables by the source name of a column that is renamed or left out there. */
  readonly columns: ReadonlyMap<string, readonly RelationName[]>
  readonly #leftOut = new Map<string, Set<string>>()
  readonly #words: ReadonlySet<string> | undefined

  constructor(map: NameMap, leftOut: readonly MissingColumn[] = []) {
    this.map = map
    this.schemas = new Set(map.data.schemas.map(([source]) => source))
    const relations = new Map<string, RelationName[]>()
    const columns = new Map<string, RelationName[]>()
    for (const { schema, name, columns: chosen } of map.data.tables) {
      add(relations, name, { schema, name })
      for (const [source, target] of chosen ?? []) if (source !== target) add(columns, source, { schema, name })
    }
    for (const { schema, table, column } of leftOut) {
      add(columns, column, { schema, name: table })
      const key = `${schema}\0${table}`
      this.#leftOut.set(key, (this.#leftOut.get(key) ?? new Set()).add(column))
    }
    this.relations = relations
    this.columns = columns
    const left = map.data.tables.flatMap(({ schema, into }) => (into === undefined ? [] : [schema]))
    this.names = new Set([...this.schemas, ...left, ...relations.keys(), ...columns.keys()])
    this.marked = new Set([...this.names, ...map.data.tables.map(({ as }) => as)])
    const words = [...this.names].map((name) => wordsOf(name)[0])
    this.#words = words.includes(undefined) ? undefined : new Set(words as string[])
  }

  /** False if the text surely mentions none of the names; cheap, asked before anything is parsed. */
  mayMention(text: string): boolean {
    if (this.names.size === 0) return false
    // An escape in a string constant can run into a name.
    if (this.#words === undefined || /e'[^']*\\/iu.test(text) || /u&/iu.test(text)) return true
    const words = this.#words
    return wordsOf(text).some((word) => words.has(word))
  }

  /** Whether the column is known to be left out of a mapped table. */
  isLeftOut({ schema, name }: RelationName, column: string): boolean {
    return this.#leftOut.get(`${schema}\0${name}`)?.has(column) ?? false
  }

  leavesOut({ schema, name }: RelationName): boolean {
    return this.#leftOut.has(`${schema}\0${name}`)
  }

  isSystemColumn(column: string): boolean {
    return SYSTEM_COLUMNS.has(column)
  }
}

function add(into: Map<string, RelationName[]>, key: string, relation: RelationName): void {
  const there = into.get(key)
  if (there) there.push(relation)
  else into.set(key, [relation])
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}_]+/gu) ?? []
}
