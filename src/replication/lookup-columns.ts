import { ident } from '../postgres/quote.ts'
import type { BoundColumn } from './bound-relation.ts'

/** The columns that the index of a table without a key is made of. */
export interface LookupColumns {
  /** Indexed as they are: of fixed width, and `=` holds for equal values only. */
  readonly plain: readonly BoundColumn[]
  /** Indexed by a hash of what they print: an index entry can't hold every string. */
  readonly hashed: readonly BoundColumn[]
}

const MOST = 5
const MOST_HASHED = 2
/** uuid, timestamptz, timestamp, int8, int4, oid, date, int2 (pg_type.dat), those first whose values differ most. */
const PLAIN = [2950, 1184, 1114, 20, 23, 26, 1082, 21]
/** text, varchar, numeric: their cast to text is immutable, and never too long. */
const HASHED = [25, 1043, 1700]

/** Which of `written` an index takes to find a row by all its values; the same for the index and the statements that it serves. */
export function lookupColumns(written: readonly BoundColumn[]): LookupColumns {
  const plain = ofTypes(PLAIN, written)
  const hashed = ofTypes(HASHED, written).slice(0, MOST_HASHED)
  return { plain: plain.slice(0, MOST - hashed.length), hashed }
}

/**
 * A hash of a value as it prints, null of null. hashtext is in no documentation, but an immutable function of every version; md5 may be
 * switched off with FIPS. The index is dropped before the server can be upgraded.
 */
export function hashOf(value: string): string {
  return `pg_catalog.hashtext(${value}::pg_catalog.text collate pg_catalog."C")`
}

/** The columns of CREATE INDEX; empty if there are none to take. */
export function lookupDefinition({ plain, hashed }: LookupColumns): string {
  return [...plain.map(({ name }) => ident(name)), ...hashed.map(({ name }) => hashOf(ident(name)))].join(', ')
}

function ofTypes(types: readonly number[], columns: readonly BoundColumn[]): BoundColumn[] {
  return types.flatMap((type) => columns.filter(({ typeOid }) => typeOid === type))
}
