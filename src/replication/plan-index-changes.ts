import { ident, qualified } from '../postgres/quote.ts'

/** An index or a constraint (no foreign key) of a table as the capture of DDL describes it; an index behind a constraint is part of that. */
export interface LoggedPart {
  readonly oid: number
  readonly name: string
  /** As pg_get_indexdef() or pg_get_constraintdef() prints it without a search_path. */
  readonly definition: string
  /** Whether it comes from its parent's, and goes with it. */
  readonly child?: boolean
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
  for (const [old, now] of indexes.kept) {
    if (old.name !== now.name && target.indexes.has(old.name))
      statements.push(`alter index ${index(old.name)} rename to ${ident(now.name)}`)
    else if (!now.child && isChanged(old, now, target.indexes)) return { unsupported: `had its index ${JSON.stringify(now.name)} changed` }
  }
  for (const [old, now] of constraints.kept) {
    if (old.name !== now.name && target.constraints.has(old.name))
      statements.push(`alter table ${label} rename constraint ${ident(old.name)} to ${ident(now.name)}`)
    else if (!now.child && isChanged(old, now, target.constraints)) {
      if (old.definition !== `${now.definition}${NOT_VALID}`)
        return { unsupported: `had its constraint ${JSON.stringify(now.name)} changed` }
      statements.push(`alter table ${label} validate constraint ${ident(now.name)}`)
    }
  }
  for (const { name, definition } of constraints.made)
    if (!isThere(name, constraints)) statements.push(`alter table ${label} add constraint ${ident(name)} ${definition}`)
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

function differences(before: readonly LoggedPart[], after: readonly LoggedPart[]): Differences {
  const had = new Map(before.map((part) => [part.oid, part]))
  const has = new Set(after.map(({ oid }) => oid))
  return {
    gone: before.filter(({ oid, child }) => !child && !has.has(oid)),
    made: after.filter(({ oid, child }) => !child && !had.has(oid)),
    kept: after.flatMap((part) => {
      const old = had.get(part.oid)
      return old ? [[old, part] as const] : []
    }),
  }
}

/** Whether it stands once what is gone is dropped. */
function isThere(name: string, { gone, there }: Differences & { readonly there: ReadonlyMap<string, string> }): boolean {
  return there.has(name) && !gone.some((part) => part.name === name)
}

/** Renamed columns and tables change definitions too, on the target as well: only one that stands as it was has not followed. */
function isChanged(old: LoggedPart, now: LoggedPart, there: ReadonlyMap<string, string>): boolean {
  return old.definition !== now.definition && there.get(now.name) === old.definition
}
