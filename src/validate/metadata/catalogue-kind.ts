/**
 * How an attribute's text is compared:
 * - `text` as it is;
 * - `names` schema-qualified names of types, functions, operators within a text, as PostgreSQL prints them under an empty search_path;
 * - `relation` JSON [schema, name]; `relations` JSON list of these;
 * - `columns` JSON list of columns of the object's own table; `order` the same, compared for the columns that both sides have;
 * - `references` JSON [schema, table, [column, …]] of any table;
 * - `expression` SQL over the object's own table; `expressions` JSON list of these;
 * - `bound`, `partition key` what follows PARTITION OF and PARTITION BY;
 * - `view` the query of a view; `statement` a whole statement; `body` a whole CREATE FUNCTION, of which the body counts;
 * - `owner` a role; `roles` JSON list of roles; `privileges` JSON list of [grantee, privilege, grantable];
 * - `tablespace` its name; `settings` JSON list of name=value with a search_path in it;
 * - `schema` a schema's name.
 */
export type Form =
  | 'text'
  | 'names'
  | 'relation'
  | 'relations'
  | 'columns'
  | 'order'
  | 'references'
  | 'expression'
  | 'expressions'
  | 'bound'
  | 'partition key'
  | 'view'
  | 'statement'
  | 'body'
  | 'owner'
  | 'roles'
  | 'privileges'
  | 'tablespace'
  | 'settings'
  | 'schema'

/** server_version_num of both sides. */
export interface Versions {
  readonly source: number
  readonly target: number
}

/**
 * One kind of object and the one query that reads all of them. The query gives `class` and `oid` (the object's address in pg_depend),
 * `schema`, `relation` (a table, or the domain or type of a part), `name` and `signature` (JSON list of types), which together identify the
 * object, and every other column is an attribute of that name.
 */
export interface CatalogueKind {
  readonly kind: string
  readonly query: (version: number, versions: Versions) => string
  /** Attributes that are not plain text. */
  readonly forms?: Readonly<Record<string, Form>>
  /** Parts of other kinds belong to it: they are compared only where both sides have it. */
  readonly container?: boolean
  /** Its parts' container is a table or view, whose selection decides; default false. */
  readonly ofTable?: boolean
}

export const SINCE = {
  v11: 110000,
  v12: 120000,
  v13: 130000,
  v14: 140000,
  v15: 150000,
  v16: 160000,
  v17: 170000,
  v18: 180000,
} as const
