import { ident } from '../postgres/quote.ts'
import { exactEquality } from './bound-relation.ts'
import type { BoundColumn, BoundRelation, KeyColumn } from './bound-relation.ts'
import { hashOf, lookupColumns } from './lookup-columns.ts'

/**
 * The statements that apply changes. A parameter takes the type of the column that it is assigned to, so the type's own
 * input function reads it and the assignment checks its length; where it must be cast, it is cast to the base type
 * without modifier, since `::varchar(n)` cuts silently and `::bit` is bit(1).
 */

/** `$1`… are the values of `writes`. */
export function insertStatement({ target }: BoundRelation, writes: readonly BoundColumn[]): string {
  if (writes.length === 0) return `insert into ${target.label} default values`
  const values = writes.map((_, i) => `$${i + 1}`).join(', ')
  return `insert into ${target.label} (${names(writes)}) overriding system value values (${values})`
}

/** Takes COPY's text format; the table's identity columns take the given values as they are. */
export function copyStatement({ target, written }: BoundRelation): string {
  return `copy ${target.label} (${names(written)}) from stdin`
}

/** `$1`… are the values of `writes`, then those that find the row, as `locator` names them. Without `writes` it only finds the row. */
export function updateStatement(bound: BoundRelation, writes: readonly BoundColumn[]): string {
  const { only } = bound.target
  const where = located(bound, writes.length)
  if (writes.length === 0) return `select from ${only} as t where ${where}`
  return `update ${only} as t set ${writes.map(({ name }, i) => `${ident(name)} = $${i + 1}`).join(', ')} where ${where}`
}

/** `$1`… are the values that find the row. */
export function deleteStatement(bound: BoundRelation): string {
  return `delete from ${bound.target.only} as t where ${located(bound, 0)}`
}

/** `$1`… are arrays of text, one for each column of `writes`, then one for each of the key. */
export function updateManyStatement({ target, key }: BoundRelation, writes: readonly BoundColumn[]): string {
  const set = writes.map(({ name, type }, i) => `${ident(name)} = s.c${i}::${type}`).join(', ')
  return `update ${target.only} as t set ${set} from ${unnested(writes.length + key.length)} where ${joined(key, writes.length)}`
}

/** `$1`… are arrays of text, one for each column of the key. */
export function deleteManyStatement({ target, key }: BoundRelation): string {
  return `delete from ${target.only} as t using ${unnested(key.length)} where ${joined(key, 0)}`
}

/** `$1`… are arrays of text, one for each column of `writes`, of which there is one at least. */
export function insertManyStatement({ target }: BoundRelation, writes: readonly BoundColumn[]): string {
  const values = writes.map(({ type }, i) => `s.c${i}::${type}`).join(', ')
  return `insert into ${target.label} (${names(writes)}) overriding system value select ${values} from ${unnested(writes.length)}`
}

/** Finds rows and does nothing to them. `$1`… are arrays of text, one for each column of the key. */
export function findManyStatement({ target, key }: BoundRelation): string {
  return `select from ${target.only} as t join ${unnested(key.length)} on ${joined(key, 0)}`
}

/** The columns whose old values find a row, in the order of the parameters. */
export function locator({ key, written }: BoundRelation): readonly BoundColumn[] {
  return key.length > 0 ? key : written
}

function names(columns: readonly BoundColumn[]): string {
  return columns.map(({ name }) => ident(name)).join(', ')
}

function unnested(count: number): string {
  const indexes = Array.from({ length: count }, (_, i) => i)
  return `unnest(${indexes.map((i) => `$${i + 1}::text[]`).join(', ')}) as s (${indexes.map((i) => `c${i}`).join(', ')})`
}

function joined(key: readonly KeyColumn[], offset: number): string {
  return key.map((column, i) => matches('t', column, column.equals, `s.c${offset + i}::${column.type}`)).join(' and ')
}

/** By key, or, of equal rows without a key, one. */
function located(bound: BoundRelation, offset: number): string {
  const { key, written, target } = bound
  if (key.length > 0) return key.map((k, i) => matches('t', k, k.equals, `$${offset + i + 1}::${k.type}`)).join(' and ')
  const value = (column: BoundColumn): string => `$${offset + written.indexOf(column) + 1}::${column.asStored}`
  const same = written.map((column) => sameValue(column, value(column)))
  const hashes = lookupColumns(written).hashed.map((column) => sameHash(column, value(column)))
  const all = [...same, ...hashes].join(' and ') || 'true'
  const place = target.partitioned ? 'x.tableoid, x.ctid' : 'x.ctid'
  const row = target.partitioned ? '(t.tableoid, t.ctid)' : 't.ctid'
  return `${row} = (select ${place} from ${target.only} as x where ${all} limit 1)`
}

/** Without an operator the printed values are compared: both are printed by this session, so that they agree if they are the same. */
function matches(alias: string, { name }: BoundColumn, equals: string | undefined, value: string): string {
  const column = `${alias}.${ident(name)}`
  return equals === undefined ? `${printed(column)} operator(pg_catalog.=) ${printed(value)}` : `${column} ${equals} ${value}`
}

/** Null is the same as null. A condition on the parameter is folded when the statement is planned, so that an index can serve. */
function sameValue(column: BoundColumn, value: string): string {
  return `(${matches('x', column, exactEquality(column), value)} or (x.${ident(column.name)} is null and ${value} is null))`
}

/** For the index alone: it follows from `sameValue`. */
function sameHash({ name }: BoundColumn, value: string): string {
  const hash = hashOf(`x.${ident(name)}`)
  return `(${hash} operator(pg_catalog.=) ${hashOf(value)} or (${hash} is null and ${value} is null))`
}

function printed(value: string): string {
  return `${value}::pg_catalog.text collate pg_catalog."C"`
}
