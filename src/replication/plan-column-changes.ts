import { ident, literal } from '../postgres/quote.ts'

/** A column as the capture of DDL describes it right after a command. */
export interface LoggedColumn {
  readonly name: string
  /** As format_type() prints it without a search_path. */
  readonly type: string
  /** pg_type.typtype. */
  readonly typeKind: string
  readonly builtIn: boolean
  /** Whether it has another collation than its type. */
  readonly collated: boolean
  readonly notNull: boolean
  readonly default: string | null
  /** Whether rows that are older than the column hold `missing` (pg_attribute.atthasmissing, from 11 on). */
  readonly hasMissing: boolean
  readonly missing: string | null
  /** Generated or an identity column. */
  readonly computed: boolean
  readonly inherited: boolean
}

/** A column of the target before the command. */
export interface ColumnBefore {
  readonly name: string
  readonly type: string
  readonly notNull: boolean
  readonly default: string | null
}

export interface ColumnCommand {
  readonly after: readonly LoggedColumn[]
  readonly before: readonly ColumnBefore[]
  /** Whether the command was RENAME of one column: only then does its event name a column. */
  readonly renamed: boolean
}

/** What is behind ALTER TABLE, or why the change can't be made exactly. */
export type ColumnPlan = { readonly actions: readonly string[] } | { readonly unsupported: string }

/** One literal, cast or not, or a function of PostgreSQL itself that any version prints so. */
const CONSTANT = /^(?:'(?:[^'\\]|'')*'|-?\d+(?:\.\d+)?|true|false)(?:::[a-z][a-z ]*(?:\(\d+(?:,\d+)?\))?)?$/
const WELL_KNOWN = /^(?:now\(\)|CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIMESTAMP|clock_timestamp\(\)|gen_random_uuid\(\))$/

/**
 * The difference of a table's columns, one command apart, as actions of ALTER TABLE: added, renamed and retyped columns, NOT NULL and defaults.
 * Dropped columns are not among them: their own event comes first. The command has rewritten rows at most for a new column's default. Existing
 * rows get what they got on the source, or nothing is done.
 */
export function planColumnChanges({ after, before, renamed }: ColumnCommand): ColumnPlan {
  const had = new Map(before.map((column) => [column.name, column]))
  const has = new Set(after.map(({ name }) => name))
  const added = after.filter(({ name }) => !had.has(name))
  const lost = before.filter(({ name }) => !has.has(name))
  if (renamed) {
    if (added.length === 0 && lost.length === 0) return { actions: [] }
    const [from, to] = [lost[0], added[0]]
    if (lost.length !== 1 || added.length !== 1 || !from || !to)
      return { unsupported: 'has other columns than the target, and one was renamed' }
    return { actions: [`rename column ${ident(from.name)} to ${ident(to.name)}`] }
  }
  if (lost[0]) return { unsupported: `has no column ${JSON.stringify(lost[0].name)}, which the target has` }
  const actions: string[] = []
  for (const column of added) {
    const made = addColumn(column)
    if (typeof made === 'string') return { unsupported: `got a column ${JSON.stringify(column.name)} ${made}` }
    actions.push(...made)
  }
  for (const column of after) {
    const old = had.get(column.name)
    if (!old) continue
    const name = ident(column.name)
    if (column.builtIn && column.type !== old.type) actions.push(`alter column ${name} type ${column.type}`)
    if (column.notNull !== old.notNull) actions.push(`alter column ${name} ${column.notNull ? 'set' : 'drop'} not null`)
    if (column.computed || column.default === old.default) continue
    if (column.default === null) actions.push(`alter column ${name} drop default`)
    else if (isPortable(column.default)) actions.push(`alter column ${name} set default ${column.default}`)
  }
  return { actions }
}

/** Its actions, or why not. A value that rows hold already is not computed again. */
function addColumn(column: LoggedColumn): string[] | string {
  const { type, default: expression, missing } = column
  if (column.computed) return 'that is generated or an identity'
  if (column.inherited) return 'from its parent'
  if (!column.builtIn || column.typeKind !== 'b' || type.startsWith('money')) return `of the type ${type}`
  if (column.collated) return 'with a collation of its own'
  const name = ident(column.name)
  const notNull = column.notNull ? [`alter column ${name} set not null`] : []
  if (expression === null && !column.hasMissing) return [`add column ${name} ${type}`, ...notNull]
  if (expression !== null && !isPortable(expression)) return 'with a default that is no constant, so that only a copy has its values'
  if (column.hasMissing && missing !== null) {
    const then = expression === null ? 'drop default' : `set default ${expression}`
    return [`add column ${name} ${type} default ${literal(missing)}`, `alter column ${name} ${then}`, ...notNull]
  }
  if (expression === null || !CONSTANT.test(expression)) return 'with a default that is no constant, so that only a copy has its values'
  return [`add column ${name} ${type} default ${expression}`, ...notNull]
}

function isPortable(expression: string): boolean {
  return CONSTANT.test(expression) || WELL_KNOWN.test(expression)
}
