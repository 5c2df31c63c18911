import { MarkedStatements } from './marked-statements.ts'
import { NameIndex } from './name-index.ts'
import type { MissingColumn } from './name-index.ts'
import type { NameMap } from './name-map.ts'
import { Obstacle } from './obstacle.ts'
import { isTree, listAt, nodesOf, sameTree, stringAt, treeAt } from './parse-tree.ts'
import type { Tree, TreeValue } from './parse-tree.ts'
import { commonTablesOf, objectLabel } from './describe-definition.ts'
import { settingOfLeftOut } from './rewrite-table.ts'
import { rewriteNode } from './rewrite-tree.ts'
import { EMPTY_SCOPE } from './rewriting.ts'
import type { Rewriting } from './rewriting.ts'
import { parse, plainIdent, scan } from './sql-parser.ts'
import { UnrewritableError } from './unrewritable-error.ts'

export { loadParser } from './sql-parser.ts'

export interface Rewritten {
  /** The very same text if nothing had to be changed. */
  readonly definition: string
  /** What could not be rewritten inside, and what was left out: function, line and name. */
  readonly remarks: readonly string[]
}

export interface RewriteContext {
  /** What the definition is of, for errors and remarks; default: what can be seen in it. */
  readonly object?: string
  /** All columns of mapped tables that the map leaves out (pass the same array each time). Default: none is known by name. */
  readonly leftOut?: readonly MissingColumn[]
  /** Whether names are quoted only where they must be, as PostgreSQL prints them. Default: always quoted. */
  readonly plain?: boolean
}

/**
 * A definition of pg_dump under the target's names. Names are changed in PostgreSQL's own parse tree and at the same places of the
 * text, which otherwise stays as it is; the result is parsed again and has to give the same tree. `loadParser` must have been awaited.
 *
 * @throws UnrewritableError where the definition mentions mapped names and can't be rewritten exactly
 */
export function rewriteDefinition(definition: string, map: NameMap, context: RewriteContext = {}): Rewritten {
  const index = indexOf(map, context.leftOut)
  if (!index.mayMention(definition)) return { definition, remarks: [] }
  const remarks: string[] = []
  try {
    return {
      definition: rewriteText(definition, index, remarks, { object: context.object, ...(context.plain ? { quote: plainIdent } : {}) }),
      remarks,
    }
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error
    const tree = parse(definition)
    throw new UnrewritableError(context.object ?? (tree && objectLabel(tree)) ?? 'a definition', error.message)
  }
}

export interface TextOptions {
  readonly object?: string | undefined
  readonly body?: Rewriting['body'] | undefined
  /** How names are written; default: always quoted. */
  readonly quote?: (name: string) => string
}

/** @throws Obstacle */
export function rewriteText(text: string, index: NameIndex, remarks: string[], options: TextOptions = {}): string {
  const { object, body, quote } = options
  if (!index.mayMention(text)) return text
  const statements = MarkedStatements.parse(text, index.marked)
  if (!statements) {
    const name = mentionedName(text, index)
    if (name === undefined) return text
    throw new Obstacle(`the grammar of PostgreSQL 18 does not know it, and it mentions ${name}`)
  }
  const { tree } = statements
  const r: Rewriting = {
    statements,
    index,
    object: object ?? objectLabel(tree) ?? 'a definition',
    remarks,
    visit: (value, scope) => {
      rewriteNode(r, value, scope)
    },
    // A name in a string constant is text: where definitions are compared it must stand there as pg_dump writes it.
    rewriteText: (inner, innerBody) =>
      rewriteText(inner, index, remarks, { ...options, body: innerBody, ...(innerBody ? {} : { quote: plainIdent }) }),
    ...(body ? { body: { path: body.path, commonTables: commonTablesOf(tree) } } : {}),
  }
  tree['stmts'] = withoutSettingsOfLeftOut(r, listAt(tree, 'stmts'))
  for (const statement of listAt(tree, 'stmts')) r.visit(isTree(statement) ? statement['stmt'] : undefined, EMPTY_SCOPE)
  if (!statements.changed) return text
  const rewritten = statements.textWith(quote)
  const again = parse(rewritten)
  if (!again || !sameTree(again, tree)) throw new Obstacle('the rewritten text does not mean what it has to')
  return rewritten
}

const indexes = new WeakMap<NameMap, { readonly leftOut: readonly MissingColumn[]; readonly index: NameIndex }>()

/** One index serves all definitions of a migration; without `leftOut` that of the call before. */
export function indexOf(map: NameMap, leftOut?: readonly MissingColumn[]): NameIndex {
  const known = indexes.get(map)
  if (known && (leftOut === undefined || known.leftOut === leftOut)) return known.index
  const index = new NameIndex(map, leftOut)
  indexes.set(map, { leftOut: leftOut ?? [], index })
  return index
}

/** Takes `ALTER TABLE … ALTER COLUMN` of a left-out column away where it stands next to the CREATE TABLE. */
function withoutSettingsOfLeftOut(r: Rewriting, all: readonly TreeValue[]): TreeValue[] {
  const statements = all.filter(isTree)
  const created = new Set(statements.flatMap((statement) => createdTable(treeAt(statement, 'stmt'))))
  return statements.filter((statement) => {
    const [alter] = nodesOf([statement['stmt']], 'AlterTableStmt')
    if (!alter || !settingOfLeftOut(r, alter, created)) return true
    const start = Number(statement['stmt_location'] ?? 0)
    r.statements.replace(start, start + Number(statement['stmt_len'] ?? 0) + 1, '')
    return false
  })
}

function createdTable(statement: Tree | undefined): string[] {
  const create = treeAt(statement, 'CreateStmt') ?? treeAt(treeAt(statement, 'CreateForeignTableStmt'), 'base')
  const table = treeAt(create, 'relation')
  return table ? [`${stringAt(table, 'schemaname') ?? ''}\0${stringAt(table, 'relname') ?? ''}`] : []
}

/** A mapped name among the words of a text that can't be parsed. */
function mentionedName(text: string, index: NameIndex): string | undefined {
  const tokens = scan(text)
  if (!tokens) return 'perhaps a mapped name'
  const found = tokens.find((token) => {
    if (token.kind === 'SQL_COMMENT' || token.kind === 'C_COMMENT') return false
    return index.mayMention(token.text)
  })
  return found && (found.kind === 'SCONST' ? 'a mapped name in a string' : found.text)
}
