import { parseSync, scanSync } from 'libpg-query'
import { ident } from '../postgres/quote.ts'

/** One statement of a definition, with the roles that it names. */
export interface RoleStatement {
  /** Without the semicolon. */
  readonly text: string
  /** Every role that it names but PUBLIC, in order. */
  readonly roles: readonly string[]
  /** Whose grant it is: pg_dump writes SET SESSION AUTHORIZATION before grants by another than the object's owner. */
  readonly grantor: string | null
  /** The statement with other role names. @throws Error if the result isn't the same statement */
  renamed(name: (role: string) => string): string
}

/** Where a role is named: bytes of the definition. */
interface Mention {
  readonly role: string
  readonly start: number
  readonly end: number
}

type Tree = Readonly<Record<string, unknown>>

interface ParsedStatement {
  readonly node: Tree
  readonly start: number
  readonly end: number
}

/**
 * The statements of a definition by pg_dump. Roles are found in PostgreSQL's own parse tree, and replaced at their positions there:
 * a name in a literal, a comment or another object's name is never one. `loadParser` must have been awaited.
 *
 * @throws Error if PostgreSQL's parser refuses the definition
 */
export function roleStatements(definition: string): RoleStatement[] {
  const bytes = Buffer.from(definition)
  const ends = new Map(scanSync(definition).tokens.map(({ start, end }) => [start, end]))
  const statements: RoleStatement[] = []
  let grantor: string | null = null
  for (const { node, start, end } of parse(definition)) {
    const session = sessionAuthorization(node)
    if (session !== undefined) {
      grantor = session
      continue
    }
    const mentions: Mention[] = mentionsIn(node).flatMap(({ role, at }) => {
      const stop = ends.get(at)
      if (stop === undefined) throw new Error(`no name stands where the role ${ident(role)} is mentioned`)
      return [{ role, start: at, end: stop }]
    })
    mentions.sort((a, b) => a.start - b.start)
    statements.push({
      text: bytes.subarray(start, end).toString('utf8').trim(),
      roles: mentions.map(({ role }) => role),
      grantor,
      renamed: (name) => renamed({ bytes, node, start, end }, mentions, name),
    })
  }
  return statements
}

/** A whole definition with other role names; the text itself if none changes. */
export function withRoles(definition: string, name: (role: string) => string): string {
  const statements = roleStatements(definition)
  if (statements.every(({ roles }) => roles.every((role) => name(role) === role))) return definition
  return statements.map((statement) => `${statement.renamed(name)};`).join('\n')
}

function parse(text: string): ParsedStatement[] {
  const all = Buffer.byteLength(text)
  return (parseSync(text).stmts ?? []).map(({ stmt, stmt_location: start = 0, stmt_len }) => ({
    node: stmt ?? {},
    start,
    end: stmt_len ? start + stmt_len : all,
  }))
}

/** The role of SET SESSION AUTHORIZATION; null at its RESET; undefined if it is another statement. */
function sessionAuthorization(node: Tree): string | null | undefined {
  const set = node['VariableSetStmt'] as { name?: string; kind?: string } | undefined
  if (set?.name !== 'session_authorization') return undefined
  return set.kind === 'VAR_SET_VALUE' ? (mentionsIn(node)[0]?.role ?? null) : null
}

/** Every RoleSpec, and the values of the settings `role` and `session_authorization`, which functions may have. */
function mentionsIn(node: unknown): { role: string; at: number }[] {
  if (Array.isArray(node)) return node.flatMap(mentionsIn)
  if (typeof node !== 'object' || node === null) return []
  const tree = node as Tree
  if (tree['roletype'] === 'ROLESPEC_CSTRING') return [{ role: String(tree['rolename']), at: Number(tree['location'] ?? 0) }]
  if ((tree['name'] === 'role' || tree['name'] === 'session_authorization') && tree['kind'] === 'VAR_SET_VALUE') {
    return ((tree['args'] ?? []) as Tree[]).flatMap(({ A_Const }) => {
      const constant = A_Const as { sval?: { sval?: string }; location?: number } | undefined
      const role = constant?.sval?.sval
      return role === undefined || role === 'none' ? [] : [{ role, at: constant?.location ?? 0 }]
    })
  }
  return Object.values(tree).flatMap(mentionsIn)
}

function renamed(
  { bytes, node, start, end }: ParsedStatement & { readonly bytes: Buffer },
  mentions: readonly Mention[],
  name: (role: string) => string,
): string {
  const parts: Buffer[] = []
  let at = start
  for (const mention of mentions) {
    parts.push(bytes.subarray(at, mention.start), Buffer.from(ident(name(mention.role))))
    at = mention.end
  }
  parts.push(bytes.subarray(at, end))
  const text = Buffer.concat(parts).toString('utf8').trim()
  const [again, ...more] = parse(text)
  if (!again || more.length > 0 || shape(again.node) !== shape(node, name)) {
    throw new Error('a statement could not be given other role names')
  }
  return text
}

/** A tree without places, its roles renamed, for comparison. */
function shape(node: Tree, name: (role: string) => string = (role) => role): string {
  return JSON.stringify(node, function (this: Tree, key, value: unknown) {
    if (key === 'location') return undefined
    if (key === 'rolename' && typeof value === 'string') return name(value)
    const setting = value as Tree | null
    if (typeof setting === 'object' && setting !== null && setting['kind'] === 'VAR_SET_VALUE') {
      if (setting['name'] === 'role' || setting['name'] === 'session_authorization') {
        return { set: setting['name'], to: mentionsIn(setting).map(({ role }) => name(role)) }
      }
    }
    return value
  })
}
