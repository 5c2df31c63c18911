import { MigrationError } from '../errors/migration-error.ts'
import { qualified } from '../postgres/quote.ts'
import { silentlyNarrower } from './column-fit.ts'
import type { RelationMessage } from './pgoutput-message.ts'
import type { TargetColumn, TargetTable, UniqueIndex } from './target-table.ts'

/** A column of a streamed relation with the target's column that takes its values; `name` is the target's. */
export interface BoundColumn extends TargetColumn {
  /** Its place in the relation's tuples. */
  readonly position: number
}

/** A column by which a row is found; `equals` is undefined where only the printed values can be compared. */
export interface KeyColumn extends BoundColumn {
  readonly equals: string | undefined
}

/** A streamed relation with the table of the target that takes its changes, columns matched by their mapped names. */
export interface BoundRelation {
  readonly relation: RelationMessage
  readonly target: TargetTable
  /** What INSERT and UPDATE may write: without the columns that the target computes. */
  readonly written: readonly BoundColumn[]
  /** What names a row; empty for a table without a key, whose rows are matched by all of `written`. */
  readonly key: readonly KeyColumn[]
  /** What an UPDATE that leaves the key alone writes. */
  readonly besideKey: readonly BoundColumn[]
  /** Rows may be updated in one statement: nothing but the key, which stays, keeps them apart. */
  readonly updatesTogether: boolean
  readonly deletesTogether: boolean
  /** The printed key names one row and the target has an index to find it: only the net effect of several changes need be applied. */
  readonly reducible: boolean
  /** A change of the key may be applied as DELETE and INSERT: the target's table has nothing that the stream's row does not hold. */
  readonly movable: boolean
  /** Something beside the key keeps rows apart, so that several updates may be in each other's way within one statement. */
  readonly apart: boolean
}

/**
 * Throws `UnsupportedDdl` if the target can't take the relation's values as they are.
 *
 * @param chosen the selected columns with their names on the target; the others are passed over. Default: all, under their own names
 */
export function bindRelation(
  relation: RelationMessage,
  target: TargetTable,
  commitLsn: string,
  chosen?: ReadonlyMap<string, string>,
): BoundRelation {
  const columns: BoundColumn[] = []
  for (const [position, source] of relation.columns.entries()) {
    const name = chosen ? chosen.get(source.name) : source.name
    if (name === undefined) {
      if (!source.key || relation.replicaIdentity === 'f') continue
      const text = `has the column ${JSON.stringify(source.name)} in its replica identity, which is not selected: no row can be found by it`
      throw unsupported(relation, text, commitLsn)
    }
    const found = target.columns.get(name)
    if (!found && target.dropped) throw columnDropped(relation, target.label, name, commitLsn)
    if (!found)
      throw unsupported(relation, `has a column ${JSON.stringify(source.name)} that the target's ${target.label} lacks`, commitLsn)
    if (!found.generated && silentlyNarrower(source, found)) {
      const text = `has a column ${JSON.stringify(source.name)} of another type than the target's ${target.label}, which would round or cut its values`
      throw unsupported(relation, text, commitLsn)
    }
    columns.push({ ...found, position })
  }
  const written = columns.filter(({ generated }) => !generated)
  const key = keyOf(relation, columns, target)
  const named = new Set(key.map(({ name }) => name))
  const others = target.indexes.filter(({ columns: of }) => !(of && of.length === named.size && of.every(({ name }) => named.has(name))))
  const deletesTogether = key.length > 0 && key.every(({ castable }) => castable)
  const castable = deletesTogether && written.every((column) => column.castable)
  const kept = [...target.columns.values()].filter(({ generated }) => !generated).length
  return {
    relation,
    target,
    written,
    key,
    besideKey: written.filter(({ name }) => !named.has(name)),
    updatesTogether: castable && others.length === 0,
    deletesTogether,
    reducible: castable && others.length < target.indexes.length && key.every((column) => printsExactly(relation, column)),
    movable: kept === written.length,
    apart: others.length > 0,
  }
}

/** A change of the source's schema that the target has not seen. */
export function unsupported({ schema, table }: Pick<RelationMessage, 'schema' | 'table'>, found: string, lsn: string): MigrationError {
  const name = qualified(schema, table)
  const text =
    `On the source: ${name} ${found}, seen in the transaction that committed at ${lsn}. Nothing of that transaction was applied; ` +
    'pgmove waits. Make the same change on the target by hand, then send the signal resume.'
  return new MigrationError('UnsupportedDdl', text, { side: 'source', table: name, sourceTable: { schema, table }, lsn })
}

/** Whether the source got the column or the target lost it can't be told for sure; where the target has lost one, that is likelier. */
function columnDropped({ schema, table }: RelationMessage, label: string, column: string, lsn: string): MigrationError {
  const text =
    `On the target: ${label} has no column ${JSON.stringify(column)}; the source transaction that committed at ${lsn} changes the table. Nothing of that ` +
    'transaction was applied; pgmove waits. Add the column as it is on the source, with its values, then send the signal resume.'
  return new MigrationError('SchemaMismatch', text, { side: 'target', table: label, sourceTable: { schema, table }, lsn })
}

/**
 * The replica identity's columns; under FULL, whose old rows are whole, those of a unique index of the target, so that a row
 * is found by it and not by comparing everything.
 */
function keyOf(relation: RelationMessage, columns: readonly BoundColumn[], target: TargetTable): KeyColumn[] {
  const plain = target.indexes.filter(({ columns: of, immediate }) => of && immediate)
  if (relation.replicaIdentity === 'f') {
    const streamed = new Set(columns.map(({ name }) => name))
    const index = plain.find(({ columns: of, notNull }) => notNull && of?.every(({ name }) => streamed.has(name)))
    return index ? columns.flatMap((column) => inIndex(index, column)) : []
  }
  const named = columns.filter(({ position }) => relation.columns[position]?.key)
  const index = plain.find(({ columns: of }) => of?.length === named.length && of.every(({ name }) => named.some((k) => k.name === name)))
  return named.map((column) => (index && inIndex(index, column)[0]) ?? { ...column, equals: exactEquality(column) })
}

function inIndex(index: UniqueIndex, column: BoundColumn): KeyColumn[] {
  const found = index.columns?.find(({ name }) => name === column.name)
  return found ? [{ ...column, equals: found.equals }] : []
}

/** bool, bytea, name, int8, int2, int4, text, oid, varchar, date, time, timestamp, timestamptz, uuid: pg_type.dat. */
const EXACT = new Set([16, 17, 19, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950])

/** The operator `=` where it holds for equal values only; `=` of float takes -0 for 0, of numeric 1.0 for 1.00, of json there is none. */
export function exactEquality({ typeOid, deterministic }: TargetColumn): string | undefined {
  return EXACT.has(typeOid) && deterministic ? 'operator(pg_catalog.=)' : undefined
}

const [NUMERIC, BPCHAR, FIRST_OWN] = [1700, 1042, 16384]

/** Whether equal values of the streamed column are printed alike, and others differently, as the target's index sees them. */
function printsExactly({ columns }: RelationMessage, column: BoundColumn): boolean {
  const source = columns[column.position]
  if (!source || (source.typeOid !== column.typeOid && source.typeOid < FIRST_OWN)) return false
  if (column.enumerated || exactEquality(column) !== undefined) return true
  // With a modifier numbers are padded to the scale and strings to the length.
  if (source.typeOid !== column.typeOid || source.typmod < 0 || source.typmod !== column.typmod) return false
  return column.typeOid === NUMERIC || (column.typeOid === BPCHAR && column.deterministic)
}
