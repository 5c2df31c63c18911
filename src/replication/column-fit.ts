/** A type with its modifier, as pg_attribute has them: atttypid and atttypmod (-1: none). */
export interface ModifiedType {
  readonly typeOid: number
  readonly typmod: number
}

const [FLOAT4, FLOAT8, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ, NUMERIC] = [700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 1700]

/** Source types whose printed values the target type reads without an error, but not as a whole. */
const LOSSY: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [FLOAT4, new Set([FLOAT8, NUMERIC, 20, 23])],
  [FLOAT8, new Set([NUMERIC, 20])],
  [DATE, new Set([TIMESTAMP, TIMESTAMPTZ])],
  [TIME, new Set([TIMESTAMP, TIMESTAMPTZ, TIMETZ])],
  [TIMESTAMP, new Set([TIMESTAMPTZ])],
])

/**
 * Whether the target would take the source's values and silently round or cut them, as it does after an ALTER TYPE on the
 * source that the target has not seen. Types that refuse what they can't hold need no test. OIDs of built-in types are the
 * same everywhere (pg_type.dat).
 */
export function silentlyNarrower(source: ModifiedType, target: ModifiedType): boolean {
  if (source.typeOid !== target.typeOid) return LOSSY.get(target.typeOid)?.has(source.typeOid) ?? false
  if (target.typmod < 0) return false
  switch (target.typeOid) {
    case NUMERIC:
      return source.typmod < 0 || scale(source.typmod) > scale(target.typmod)
    case TIME:
    case TIMETZ:
    case TIMESTAMP:
    case TIMESTAMPTZ:
      return (source.typmod < 0 ? 6 : source.typmod) > target.typmod
    case INTERVAL:
      return source.typmod !== target.typmod
    default:
      return false
  }
}

/** The lower 11 bits, signed since 15, behind a header of 4 (numeric.c, numeric_typmod_scale). */
function scale(typmod: number): number {
  return (((typmod - 4) & 0x7ff) ^ 1024) - 1024
}
