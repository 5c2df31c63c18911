import type { NameMap, RelationName } from '../../mapping/name-map.ts'
import { qualified } from '../../postgres/quote.ts'
import { SINCE } from './catalogue-kind.ts'
import type { Form, Versions } from './catalogue-kind.ts'
import { mapNames } from './names-in-text.ts'
import { comparableTree, functionBody } from './parse-tree.ts'

/** What values are compared under. */
export interface ComparisonContext {
  readonly map: NameMap
  readonly versions: Versions
  /** The target's name of a role; undefined if the target has no such role. */
  readonly role: (source: string) => string | undefined
  /** Roles of the target that its role may make owners of objects. */
  readonly mayOwn: ReadonlySet<string>
  /** Who owns what can't be given to its owner. */
  readonly targetRole: string
  readonly tablespaces: ReadonlySet<string>
  /** False drops grants from the comparison. */
  readonly grants: boolean
  /** A definition under the target's names. Throws where it can't be given. */
  readonly rewrite: (definition: string) => string
}

/** The object that a value belongs to. */
export interface ValuePlace {
  readonly form: Form
  /** The table, domain or type on the source, if there is one. */
  readonly relation: RelationName | undefined
  readonly owner: { readonly source: string | null; readonly target: string | null }
  /** Leaves what the owner and PUBLIC may out of the comparison of privileges. */
  readonly namedGrantsOnly: boolean
}

/** Equal, or what the target should have. SQL that differs may still be the same in the target's own words. */
export type Verdict =
  | 'equal'
  | {
      readonly expected: string | null
      /** What the target has, where its value is no text for people. */
      readonly found?: string
      readonly query?: { readonly source: string; readonly target: string }
      /** The same under the source's names, as a statement, where names are mapped and the text may hold a query. */
      readonly original?: string
    }

/** Whether the target's value is the source's, under the target's names. Throws where a mapped definition can't be rewritten. */
export function compareValue(source: string | null, target: string | null, place: ValuePlace, context: ComparisonContext): Verdict {
  const { form } = place
  if (form === 'privileges') return comparePrivileges(source, target, place, context)
  if (form === 'owner') return verdict(expectedOwner(source, target, context), target)
  if (form === 'order') return compareOrder(source, target, place, context)
  if (source === null || target === null) {
    const lost = source !== null && form === 'references' && references(source, context) === null
    const elsewhere = source !== null && form === 'tablespace' && !context.tablespaces.has(source)
    return lost || elsewhere || source === target ? 'equal' : { expected: source }
  }
  if (SQL.has(form)) return compareSql(source, target, place, context)
  return verdict(expectedText(source, place, context), form === 'names' ? mapNames(target, UNMAPPED) : normalJson(target, form))
}

const SQL: ReadonlySet<Form> = new Set<Form>(['expression', 'expressions', 'bound', 'partition key', 'view', 'statement', 'body'])
const JSON_FORMS: ReadonlySet<Form> = new Set<Form>(['relation', 'relations', 'columns', 'references', 'roles'])
const UNMAPPED = { schema: (name: string) => name, relation: (name: RelationName) => name } as NameMap

function verdict(expected: string | null, target: string | null): Verdict {
  return expected === target ? 'equal' : { expected, ...(target === null ? {} : { found: target }) }
}

function normalJson(text: string, form: Form): string {
  if (!JSON_FORMS.has(form)) return text
  const value = JSON.parse(text) as unknown
  return JSON.stringify(form === 'roles' ? (value as string[]).sort() : value)
}

function expectedText(source: string, { form, relation }: ValuePlace, context: ComparisonContext): string | null {
  const { map } = context
  if (form === 'names') return mapNames(source, map)
  if (form === 'schema') return map.schema(source)
  if (form === 'relation') return JSON.stringify(mapPair(JSON.parse(source) as [string, string], map))
  if (form === 'relations') return JSON.stringify((JSON.parse(source) as [string, string][]).map((pair) => mapPair(pair, map)))
  if (form === 'columns') return JSON.stringify(mapColumns(JSON.parse(source) as string[], relation, map))
  if (form === 'references') return references(source, context)
  if (form === 'tablespace') return context.tablespaces.has(source) ? source : null
  if (form === 'roles')
    return JSON.stringify((JSON.parse(source) as string[]).map((role) => (role === '' ? '' : (context.role(role) ?? role))).sort())
  return source
}

function mapPair([schema, name]: readonly [string, string], map: NameMap): [string, string] {
  const mapped = map.relation({ schema, name })
  return [mapped.schema, mapped.name]
}

function mapColumns(columns: readonly string[], relation: RelationName | undefined, map: NameMap): string[] {
  return relation ? columns.flatMap((column) => map.column(relation, column) ?? []) : [...columns]
}

/** Null if a column is left out. */
function references(source: string, { map }: ComparisonContext): string | null {
  const [schema, name, columns] = JSON.parse(source) as [string, string, string[]]
  const mapped = mapColumns(columns, { schema, name }, map)
  return mapped.length === columns.length ? JSON.stringify([...mapPair([schema, name], map), mapped]) : null
}

function compareOrder(source: string | null, target: string | null, { relation }: ValuePlace, { map }: ComparisonContext): Verdict {
  if (source === null || target === null) return 'equal'
  const here = mapColumns(JSON.parse(source) as string[], relation, map)
  const there = JSON.parse(target) as string[]
  const [known, found] = [new Set(here), new Set(there)]
  return verdict(JSON.stringify(here.filter((name) => found.has(name))), JSON.stringify(there.filter((name) => known.has(name))))
}

/** What the owner's role can't be given belongs to the target's role. */
function expectedOwner(source: string | null, target: string | null, { role, mayOwn, targetRole }: ComparisonContext): string | null {
  if (source === null) return target
  const mapped = role(source)
  return mapped !== undefined && mayOwn.has(mapped) ? mapped : targetRole
}

type Grant = readonly [grantee: string | null, privilege: string, grantable: boolean]

/** What the owner has by itself, grants to roles that the target lacks, and privileges that the older version lacks don't count. */
function comparePrivileges(
  source: string | null,
  target: string | null,
  { owner, namedGrantsOnly }: ValuePlace,
  context: ComparisonContext,
): Verdict {
  if (!context.grants) return 'equal'
  const { versions, role } = context
  const withMaintain = Math.min(versions.source, versions.target) >= SINCE.v17
  const known = ([grantee, privilege]: Grant): boolean =>
    (withMaintain || privilege !== 'MAINTAIN') && (!namedGrantsOnly || (grantee !== null && grantee !== ''))
  const parse = (text: string | null): Grant[] => (text === null ? [] : (JSON.parse(text) as Grant[])).filter(known)
  const there = parse(target)
  const here = parse(source).flatMap((grant): Grant[] => {
    const [grantee, privilege, grantable] = grant
    if (grantee === null || grantee === '') return [grant]
    const mapped = role(grantee)
    return mapped === undefined || mapped === owner.target ? [] : [[mapped, privilege, grantable]]
  })
  // The owner's own privileges count where it is the same owner.
  const same = owner.source === null || role(owner.source) === owner.target
  const lines = (grants: readonly Grant[]): string =>
    [...new Set(grants.filter(([grantee]) => same || grantee !== null).map(grantLine))].sort().join(', ')
  const [wanted, found] = [lines(here), lines(there)]
  return wanted === found ? 'equal' : { expected: wanted, found }
}

function grantLine([grantee, privilege, grantable]: Grant): string {
  return `${grantee === null ? 'owner' : grantee === '' ? 'public' : grantee}=${privilege}${grantable ? '*' : ''}`
}

function compareSql(source: string, target: string, place: ValuePlace, context: ComparisonContext): Verdict {
  const { form } = place
  if (form === 'expressions') {
    const [here, there] = [JSON.parse(source) as string[], JSON.parse(target) as string[]]
    const equal =
      here.length === there.length &&
      here.every((text, i) => compareSql(text, there[i] ?? '', { ...place, form: 'expression' }, context) === 'equal')
    return equal ? 'equal' : { expected: source }
  }
  const isBody = form === 'body' && !/^\s*create /i.test(source)
  // Text to PostgreSQL: names in it stay.
  if (isBody) return source === target ? 'equal' : { expected: source }
  if (source === target && !mentionsMapped(source, place, context.map)) return 'equal'
  const mapped = place.relation && context.map.relation(place.relation)
  const expected = context.map.changes ? context.rewrite(wrapped(source, form, place.relation)) : wrapped(source, form, place.relation)
  const actual = wrapped(target, form, mapped)
  if (expected === actual) return 'equal'
  const options = { datePart: Math.min(context.versions.source, context.versions.target) < SINCE.v14 }
  const pick = form === 'body' ? functionBody : undefined
  if (comparableTree(expected, options, pick) === comparableTree(actual, options, pick)) return 'equal'
  const difference = context.map.changes ? { expected, original: wrapped(source, form, place.relation) } : { expected: source }
  return form === 'view' || form === 'expression' ? { ...difference, query: { source: expected, target: actual } } : difference
}

/** A statement that holds the value, under the names of the side that it is from. */
function wrapped(value: string, form: Form, relation: RelationName | undefined): string {
  const name = relation ? qualified(relation.schema, relation.name) : 'x'
  const text = value.trim().replace(/;$/, '')
  if (form === 'expression') return `ALTER TABLE ${name} ADD CONSTRAINT x CHECK (${text})`
  if (form === 'bound') return `ALTER TABLE ${name} ATTACH PARTITION ${name} ${text}`
  if (form === 'partition key') return `CREATE TABLE ${name} () PARTITION BY ${text}`
  if (form === 'view') return `CREATE VIEW ${name} AS ${text}`
  return text
}

/** Whether the same text could mean something else under the target's names. */
function mentionsMapped(text: string, { relation, form }: ValuePlace, map: NameMap): boolean {
  if (!map.changes) return false
  if (form === 'view' || form === 'statement' || form === 'body') return true
  if (relation && map.columns(relation) !== undefined) return true
  return text.includes('.') || text.includes('reg')
}
