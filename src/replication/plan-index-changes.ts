import { ident, qualified } from '../postgres/quote.ts'
import { options } from './plan-table-settings.ts'

/** An index or a constraint (no foreign key) of a table as the capture of DDL describes it; an index behind a constraint is part of that. */
export interface LoggedPart {
  readonly oid: number
  readonly name: string
  /** As pg_get_indexdef() or pg_get_constraintdef() prints it without a search_path. */
  readonly definition: string
  /** Whether it comes from its parent's, and goes with it. */
  readonly child?: boolean
  /** pg_class.reloptions of the index. */
  readonly options?: readonly string[] | null
  /** Of an index: pg_attribute.attstattarget by the number of the expression's column. */
  readonly statistics?: readonly (readonly [number, number])[] | null
}

export interface LoggedParts {
  readonly indexes: readonly LoggedPart[]
  readonly constraints: readonly LoggedPart[]
}

/** What the target's table has or is to get, with its definition if it has it. An index is in its table's schema. */
export interface TargetParts {
  readonly indexes: ReadonlyMap<string, string>
  readonly constraints: ReadonlyMap<string, string>
}

export interface PartsCommand {
  readonly table: { readonly schema: string; readonly name: string }
  readonly before: LoggedParts
  readonly after: LoggedParts
  readonly target: TargetParts
}

export type PartsPlan = { readonly statements: readonly string[] } | { readonly unsupported: string }

const NOT_VALID = ' NOT VALID'
/** A partitioned table's index is printed with ONLY, also if its partitions have it. */
const ON_ONLY = /^(CREATE (?:UNIQUE )?INDEX (?:"(?:[^"]|"")*"|[^" ]+) ON) ONLY /

/**
 * What one command has changed of a table's indexes and constraints, as statements; all names are the target's,
 * and its columns have changed before. What the target has already, or has lost, is left alone.
 */
export function planIndexChanges({ table, before, after, target }: PartsCommand): PartsPlan {
  const label = qualified(table.schema, table.name)
  const index = (name: string): string => qualified(table.schema, name)
  const statements: string[] = []
  const constraints = { ...differences(before.constraints, after.constraints), there: target.constraints }
  const indexes = { ...differences(before.indexes, after.indexes), there: target.indexes }
  for (const { name } of constraints.gone)
    if (isMade(target.constraints, name)) statements.push(`alter table ${label} drop constraint ${ident(name)}`)
  for (const { name } of indexes.gone) if (isMade(target.indexes, name)) statements.push(`drop index ${index(name)}`)
  const setOptions = (old: LoggedPart | undefined, now: LoggedPart): string[] =>
    options(old?.options, now.options, '').map((change) => `alter index ${index(now.name)} ${change}`)
  for (const [old, now] of indexes.kept) {
    if (old.name !== now.name && target.indexes.has(old.name))
      statements.push(`alter index ${index(old.name)} rename to ${ident(now.name)}`)
    else if (!now.child && isChanged(old, now, target.indexes) && withoutOptions(old) !== withoutOptions(now))
      return { unsupported: `had its index ${JSON.stringify(now.name)} changed` }
    if (isMade(target.indexes, old.name)) statements.push(...setOptions(old, now))
  }
  for (const [old, now] of constraints.kept) {
    if (old.name !== now.name && target.constraints.has(old.name))
      statements.push(`alter table ${label} rename constraint ${ident(old.name)} to ${ident(now.name)}`)
    else if (!now.child && isChanged(old, now, target.constraints)) {
      if (old.definition !== `${now.definition}${NOT_VALID}`)
        return { unsupported: `had its constraint ${JSON.stringify(now.name)} changed` }
      statements.push(`alter table ${label} validate constraint ${ident(now.name)}`)
    }
    if (isMade(target.constraints, old.name)) statements.push(...setOptions(old, now))
  }
  for (const made of constraints.made)
    if (!isThere(made.name, constraints))
      statements.push(`alter table ${label} add constraint ${ident(made.name)} ${made.definition}`, ...setOptions(undefined, made))
  for (const { name, definition } of indexes.made) if (!isThere(name, indexes)) statements.push(definition.replace(ON_ONLY, '$1 '))
  return { statements }
}

/** What waits to be made from its stored definition has an empty one here. */
function isMade(there: ReadonlyMap<string, string>, name: string): boolean {
  return (there.get(name) ?? '') !== ''
}

interface Differences {
  readonly gone: readonly LoggedPart[]
  readonly made: readonly LoggedPart[]
  readonly kept: readonly (readonly [before: LoggedPart, after: LoggedPart])[]
}

/** REINDEX CONCURRENTLY puts an equal index with another OID in an index's place. */
function differences(before: readonly LoggedPart[], after: readonly LoggedPart[]): Differences {
  const had = new Map(before.map((part) => [part.oid, part]))
  const has = new Set(after.map(({ oid }) => oid))
  const built = new Map<LoggedPart, LoggedPart>()
  for (const part of after.filter(({ oid }) => !had.has(oid))) {
    const old = before.find(({ oid, name, definition }) => !has.has(oid) && name === part.name && definition === part.definition)
    if (old) built.set(part, old)
  }
  const replaced = new Set(built.values())
  return {
    gone: before.filter((part) => !part.child && !has.has(part.oid) && !replaced.has(part)),
    made: after.filter((part) => !part.child && !had.has(part.oid) && !built.has(part)),
    kept: after.flatMap((part) => {
      const old = had.get(part.oid) ?? built.get(part)
      return old ? [[old, part] as const] : []
    }),
  }
}

/** The definition without the index's storage parameters, which ALTER INDEX sets; a constraint's has none. */
function withoutOptions({ definition, options: has }: LoggedPart): string {
  return has && has.length > 0 ? definition.replace(/ WITH \([^)]*\)/, '') : definition
}

/** Whether it stands once what is gone is dropped. */
function isThere(name: string, { gone, there }: Differences & { readonly there: ReadonlyMap<string, string> }): boolean {
  return there.has(name) && !gone.some((part) => part.name === name)
}

/** Renamed columns and tables change definitions too, on the target as well: only one that stands as it was has not followed. */
function isChanged(old: LoggedPart, now: LoggedPart, there: ReadonlyMap<string, string>): boolean {
  return old.definition !== now.definition && there.get(now.name) === old.definition
}
