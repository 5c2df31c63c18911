import { MarkedStatements } from './marked-statements.ts'
import type { NameMap, RelationName } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { itemsOf, listAt, nodesOf, stringAt } from './parse-tree.ts'
import type { Tree } from './parse-tree.ts'
import { indexOf, rewriteText } from './rewrite-definition.ts'
import { plainIdent } from './sql-parser.ts'

/** An entry of an archive as far as its name goes. */
export interface TaggedEntry {
  readonly kind: string
  /** The source's schema; null for what lies in none. */
  readonly schema: string | null
  readonly tag: string
}

const RELATIONS: ReadonlySet<string> = new Set([
  'TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE', 'SEQUENCE', 'SEQUENCE OWNED BY', 'TABLE ATTACH', 'TABLE DATA', 'ROW SECURITY',
  'SEQUENCE SET', 'MATERIALIZED VIEW DATA',
]) // prettier-ignore
const OF_TABLE: ReadonlySet<string> = new Set(['CONSTRAINT', 'FK CONSTRAINT', 'CHECK CONSTRAINT', 'TRIGGER', 'POLICY', 'RULE'])
const SATELLITES: ReadonlySet<string> = new Set(['COMMENT', 'SECURITY LABEL', 'ACL'])
/** What stands before a tag that holds argument types. */
const STATEMENTS: Readonly<Record<string, string>> = {
  FUNCTION: 'drop function ',
  PROCEDURE: 'drop procedure ',
  AGGREGATE: 'drop aggregate ',
  CAST: 'drop ',
  TRANSFORM: 'drop ',
}

/**
 * The tag that pg_dump gives the entry's object on the target: `users users_pkey`, `f(integer, app.t)`, `COLUMN users.email`, …
 * `table` is the source's name of the table that the entry belongs to. `loadParser` must have been awaited.
 */
export function rewriteTag(entry: TaggedEntry, table: RelationName | undefined, map: NameMap): string {
  const { kind, schema, tag } = entry
  if (kind === 'SCHEMA') return map.schema(tag)
  if (RELATIONS.has(kind)) return schema === null ? tag : map.relation({ schema, name: tag }).name
  if (table && (OF_TABLE.has(kind) || kind === 'DEFAULT') && tag.startsWith(`${table.name} `)) {
    const rest = tag.slice(table.name.length + 1)
    const own = kind === 'DEFAULT' ? (map.column(table, rest) ?? rest) : rest
    return `${map.relation(table).name} ${own}`
  }
  if (SATELLITES.has(kind)) return rewriteSatellite(tag, schema, map)
  const before = STATEMENTS[kind]
  return before === undefined ? tag : rewriteInside(before, tag, '', map)
}

/** `TABLE users`, `COLUMN users.email`, `CONSTRAINT c ON users`: unqualified, in the entry's schema. */
function rewriteSatellite(tag: string, schema: string | null, map: NameMap): string {
  const [before, after] = ['comment on ', ' is null']
  const index = indexOf(map)
  const statements = index.mayMention(tag) ? MarkedStatements.parse(before + tag + after, index.marked) : undefined
  const [statement] = nodesOf(listAt(statements?.tree, 'stmts').map(statementOf), 'CommentStmt')
  if (!statements || !statement) return tag
  const type = stringAt(statement, 'objtype') ?? ''
  const [relation, column] = nodesOf(itemsOf(statement['object']), 'String')
  if (!schema || !relation || !/^OBJECT_(TABLE|VIEW|MATVIEW|FOREIGN_TABLE|SEQUENCE|COLUMN|TABCONSTRAINT|TRIGGER|RULE|POLICY)$/.test(type)) {
    return rewriteInside(before, tag, after, map)
  }
  const name = { schema, name: stringAt(relation, 'sval') ?? '' }
  if (type === 'OBJECT_COLUMN' && column) {
    const source = stringAt(column, 'sval') ?? ''
    statements.rename(column, 'sval', map.column(name, source) ?? source)
  }
  statements.rename(relation, 'sval', map.relation(name).name)
  return statements.textWith(plainIdent).slice(before.length, -after.length)
}

function rewriteInside(before: string, tag: string, after: string, map: NameMap): string {
  try {
    const text = rewriteText(before + tag + after, indexOf(map), [], { quote: plainIdent })
    return text.slice(before.length, text.length - after.length)
  } catch (error) {
    if (error instanceof Obstacle) return tag
    throw error
  }
}

function statementOf(raw: unknown): Tree {
  return (raw as { stmt: Tree }).stmt
}
