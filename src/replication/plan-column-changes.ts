import { ident, literal } from '../postgres/quote.ts'
import { identityClause } from './table-definition.ts'

/** A column as the capture of DDL describes it right before or after a command. */
export interface LoggedColumn {
  /** pg_attribute.attnum: stays when the column is renamed, and is never used again. */
  readonly number: number
  readonly name: string
  /** As format_type() prints it without a search_path. */
  readonly type: string
  readonly typeOid: number
  readonly typmod: number
  /** pg_type.typtype. */
  readonly typeKind: string
  readonly builtIn: boolean
  readonly collation: number
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
  /** Not from a parent alone. */
  readonly local: boolean
  /** pg_attribute.attgenerated. */
  readonly generated: string
  /** pg_attribute.attidentity. */
  readonly always: string
  /** pg_attribute.attstorage where it is not its type's. */
  readonly storage: string | null
  /** pg_type.typstorage. */
  readonly typeStorage: string
  /** pg_attribute.attstattarget, where it is not the default. */
  readonly statistics: number | null
  /** pg_attribute.attoptions. */
  readonly options: readonly string[] | null
  /** pg_attribute.attcompression, where it is not the default. */
  readonly compression: string | null
  /** Quoted, where `collated`. */
  readonly collationName: string | null
  /** Behind an identity. */
  readonly sequence: { readonly schema: string; readonly name: string; readonly parameters: string } | null
}

/** A column as the target has it. */
export interface TargetColumnState {
  readonly name: string
  readonly type: string
  readonly notNull: boolean
  /** Also what generates it. */
  readonly default: string | null
  /** Generated or an identity column. */
  readonly computed: boolean
}

/** What one command has changed of a table, under the target's names. */
export interface ColumnCommand {
  readonly before: readonly LoggedColumn[]
  readonly after: readonly LoggedColumn[]
  readonly target: readonly TargetColumnState[]
  readonly partitioned: boolean
  /** Whether the target's table is empty, to be copied again: then no value of a row need be known. */
  readonly empty: boolean
  /** Tables that inherit from it, partitions among them, before and after the command. */
  readonly children: readonly { readonly before: readonly LoggedColumn[]; readonly after: readonly LoggedColumn[] }[]
}

/** An action of ALTER TABLE; with `only`, of ALTER TABLE ONLY: children are told by themselves. */
export interface ColumnAction {
  readonly action: string
  readonly only: boolean
}

export interface ColumnActions {
  readonly actions: readonly ColumnAction[]
  /** The columns that are dropped and renamed by them. */
  readonly dropped: readonly string[]
  readonly renamed: readonly (readonly [from: string, to: string])[]
}

/** Actions, or why the change can't be made exactly: by nobody but a copy where rows got values that the catalogue does not tell. */
export type ColumnPlan = ColumnActions | { readonly unsupported: string } | { readonly copy: string }

/** One literal, cast or not, or a function of PostgreSQL itself that any version prints so. */
const CONSTANT = /^(?:'(?:[^'\\]|'')*'|-?\d+(?:\.\d+)?|true|false)(?:::[a-z][a-z ]*(?:\(\d+(?:,\d+)?\))?)?$/
/** The same of an enum, whose type may be of the user. */
const LABEL = /^'(?:[^'\\]|'')*'::[^'()]+$/
const [TIMESTAMP, TIMESTAMPTZ] = [1114, 1184]

/**
 * What one command has changed of a table's columns, as actions of ALTER TABLE: added, dropped, renamed and retyped columns, NOT NULL and
 * defaults. The command has rewritten rows at most for a new column's default. Existing rows get what they got on the source, or nothing is
 * done. What the target has already, made by hand, is left alone.
 */
export function planColumnChanges(command: ColumnCommand): ColumnPlan {
  const { before, after, target, children, empty } = command
  const had = new Map(before.map((column) => [column.number, column]))
  const kept = new Set(after.map(({ number }) => number))
  const names = new Set(target.map(({ name }) => name))
  const actions: ColumnAction[] = []
  const dropped: string[] = []
  const renamed: (readonly [string, string])[] = []
  for (const { number, name } of before) {
    if (kept.has(number) || !names.delete(name)) continue
    dropped.push(name)
    const inherited = ({ name: of, local, inherited }: LoggedColumn): boolean => of === name && inherited && !local
    const only = children.some((child) => child.before.some(inherited) && child.after.some(({ name: of }) => of === name))
    actions.push({ action: `drop column ${ident(name)}`, only })
  }
  for (const { number, name } of after) {
    const old = had.get(number)?.name ?? name
    if (old === name) continue
    if (names.has(name) === names.has(old)) return { unsupported: `had its column ${JSON.stringify(old)} renamed, which the target lacks` }
    if (!names.delete(old)) continue
    names.add(name)
    renamed.push([old, name])
    actions.push({ action: `rename column ${ident(old)} to ${ident(name)}`, only: false })
  }
  for (const column of after) {
    if (had.has(column.number)) continue
    const unknown = empty ? undefined : unknownValues(column)
    if (unknown !== undefined) return { copy: `got a column ${JSON.stringify(column.name)} ${unknown}` }
    if (names.has(column.name)) continue
    const made = addColumn(column)
    if (typeof made === 'string') return { unsupported: `got a column ${JSON.stringify(column.name)} ${made}` }
    actions.push(...made.map((action) => ({ action, only: false })))
  }
  const altered = planAlteredColumns(command)
  return 'actions' in altered ? { actions: [...actions, ...altered.actions], dropped, renamed } : altered
}

/** The part that changes no row and brings no column: types, NOT NULL and defaults of columns that were there. */
export function planAlteredColumns({ before, after, target, partitioned, children, empty }: ColumnCommand): ColumnPlan {
  const had = new Map(before.map((column) => [column.number, column]))
  const there = new Map(target.map((column) => [column.name, column]))
  const actions: ColumnAction[] = []
  for (const column of after) {
    const old = had.get(column.number)
    // Renamed in the same breath or not on the target: the stream tells.
    const here = old && (there.get(old.name) ?? there.get(column.name))
    if (!old || !here) continue
    const name = ident(column.name)
    const computed = planComputed(old, column, here)
    if (computed === undefined) return { unsupported: `had its column ${JSON.stringify(column.name)} made generated` }
    if (column.notNull !== old.notNull && column.notNull !== here.notNull) {
      const followed = children.every((child) => child.after.some((of) => of.name === column.name && of.notNull === column.notNull))
      actions.push({ action: `alter column ${name} ${column.notNull ? 'set' : 'drop'} not null`, only: !partitioned && !followed })
    }
    if (column.typeOid !== old.typeOid || column.typmod !== old.typmod || column.collation !== old.collation) {
      if (column.collation !== old.collation && column.collated)
        return { unsupported: `had the collation of ${JSON.stringify(column.name)} changed` }
      // Without a rewrite only where the source's session had the time zone UTC.
      if (!empty && isTimestamp(column) && isTimestamp(old) && column.typeOid !== old.typeOid)
        return { copy: `had its column ${JSON.stringify(column.name)} changed to ${column.type}` }
      if (here.type === old.type && here.type !== column.type) {
        // A default of the old type may not be one of the new.
        if (empty && here.default !== null && !column.computed) actions.push({ action: `alter column ${name} drop default`, only: true })
        actions.push({ action: `alter column ${name} type ${column.type}${empty ? ` using null::${column.type}` : ''}`, only: false })
        if (empty && column.default !== null && !column.computed) {
          actions.push({ action: `alter column ${name} set default ${column.default}`, only: true })
          continue
        }
      }
    }
    actions.push(...computed.map((action) => ({ action: `alter column ${name} ${action}`, only: false })))
    // What is an identity or generated no longer has no default left.
    const [was, is] = [old.computed ? null : old.default, here.computed ? null : here.default]
    if (column.computed || column.default === was || column.default === is) continue
    const action = column.default === null ? 'drop default' : `set default ${column.default}`
    actions.push({ action: `alter column ${name} ${action}`, only: true })
  }
  return { actions, dropped: [], renamed: [] }
}

/**
 * Actions on a column that became an identity or generated by another expression, or is neither any more; undefined if there are none for that. An
 * identity is BY DEFAULT until the cutover. One of a parent reaches its partitions.
 */
function planComputed(old: LoggedColumn, column: LoggedColumn, here: TargetColumnState): string[] | undefined {
  if (column.inherited && !column.local) return []
  if (column.generated !== '' && old.generated === '') return undefined
  if (column.generated !== '') {
    return column.default === old.default || column.default === here.default ? [] : [`set expression as (${column.default ?? ''})`]
  }
  if (old.generated !== '') return here.computed ? ['drop expression'] : []
  if ((column.always === '') === (old.always === '') || (column.always !== '') === here.computed) return []
  if (column.always === '') return ['drop identity if exists']
  return [...(here.default === null ? [] : ['drop default']), `add ${identityClause(column)}`]
}

/** Why nobody but a copy has the values that existing rows got; undefined if they are known or there are none. */
function unknownValues({ computed, default: expression, hasMissing, typeKind }: LoggedColumn): string | undefined {
  if (computed) return expression === null ? 'that is an identity' : undefined
  if (expression === null || hasMissing || CONSTANT.test(expression)) return undefined
  if (typeKind === 'e' && LABEL.test(expression)) return undefined
  return 'with a default that is no constant'
}

/** Its actions, or why not. A value that rows hold already is not computed again. */
function addColumn(column: LoggedColumn): string[] | string {
  const { type, default: expression, missing } = column
  if (column.inherited) return 'from its parent'
  if (!isPlainType(column)) return `of the type ${type}`
  if (column.collated) return 'with a collation of its own'
  const name = ident(column.name)
  const kept = column.generated === 's' ? 'stored' : 'virtual'
  if (column.generated !== '') return [`add column ${name} ${type} generated always as (${expression ?? ''}) ${kept}`]
  if (column.always !== '') return [`add column ${name} ${type} ${identityClause(column)}`]
  const notNull = column.notNull ? [`alter column ${name} set not null`] : []
  if (expression === null && !column.hasMissing) return [`add column ${name} ${type}`, ...notNull]
  if (column.hasMissing && missing !== null) {
    const then = expression === null ? 'drop default' : `set default ${expression}`
    return [`add column ${name} ${type} default ${literal(missing)}`, `alter column ${name} ${then}`, ...notNull]
  }
  return [`add column ${name} ${type}${expression === null ? '' : ` default ${expression}`}`, ...notNull]
}

/** No domain, whose check may want rows rewritten, nor a row type. money prints by a setting. */
function isPlainType({ typeKind, builtIn, type }: LoggedColumn): boolean {
  if (builtIn) return typeKind === 'b' && !type.startsWith('money')
  return typeKind === 'b' || typeKind === 'e'
}

function isTimestamp({ typeOid }: LoggedColumn): boolean {
  return typeOid === TIMESTAMP || typeOid === TIMESTAMPTZ
}
