/** A relation's name, unquoted. */
export interface RelationName {
  readonly schema: string
  readonly name: string
}

/** A table whose name or columns the target has otherwise than the source. */
export interface MappedTable extends RelationName {
  /** The name on the target; the schema's own mapping comes on top. */
  readonly as: string
  /** The schema on the target, of a table that goes elsewhere than its schema. */
  readonly into?: string
  /** The chosen columns in the source's order, with their names on the target; absent: all, under their own names. */
  readonly columns?: readonly (readonly [source: string, target: string])[]
}

/** A NameMap as JSON: what differs, nothing else. */
export interface NameMapData {
  /** Only schemas that get another name. */
  readonly schemas: readonly (readonly [source: string, target: string])[]
  /** Partitions and inheritance children that follow their parent's columns stand here too. */
  readonly tables: readonly MappedTable[]
}

/**
 * How the source's names are called on the target. One map holds in schema, copy, incremental, validation and sequences. Everything
 * of a schema goes where the schema goes; besides, only tables (views and foreign tables too) and their columns get other names.
 */
export class NameMap {
  readonly data: NameMapData
  readonly #schemas: ReadonlyMap<string, string>
  readonly #tables: ReadonlyMap<
    string,
    { readonly as: string; readonly into: string | undefined; readonly columns: ReadonlyMap<string, string> | undefined }
  >

  constructor(data: NameMapData = { schemas: [], tables: [] }) {
    this.data = data
    this.#schemas = new Map(data.schemas)
    this.#tables = new Map(
      data.tables.map(({ schema, name, as, into, columns }) => [key(schema, name), { as, into, columns: columns && new Map(columns) }]),
    )
  }

  /** Whether any name differs, or any column is left out. */
  get changes(): boolean {
    return this.#schemas.size > 0 || this.#tables.size > 0
  }

  /** The target's name of a schema. */
  schema(source: string): string {
    return this.#schemas.get(source) ?? source
  }

  /** The target's name of a table, view, sequence or any other relation. */
  relation({ schema, name }: RelationName): RelationName {
    const table = this.#tables.get(key(schema, name))
    return { schema: table?.into ?? this.schema(schema), name: table?.as ?? name }
  }

  /** The chosen columns of a table with their names on the target, in the source's order; undefined if all go under their own names. */
  columns({ schema, name }: RelationName): ReadonlyMap<string, string> | undefined {
    return this.#tables.get(key(schema, name))?.columns
  }

  /** The target's name of a column; undefined if it is left out. */
  column(table: RelationName, column: string): string | undefined {
    const columns = this.columns(table)
    return columns ? columns.get(column) : column
  }

  /** Whether the relation, its schema or one of its columns has another name on the target, or a column is left out. */
  touches(relation: RelationName): boolean {
    return this.#schemas.has(relation.schema) || this.#tables.has(key(relation.schema, relation.name))
  }
}

function key(schema: string, name: string): string {
  return `${schema}\0${name}`
}
