export type CopyFormat = 'text' | 'binary'

/** A column's types as format_type() prints them, with modifier, under an empty search_path. */
export interface ColumnTypes {
  readonly sourceType: string
  readonly targetType: string
}

/**
 * Types whose binary form is the same in 10 to 18 (APPLY.md §1.3), as format_type() prints them without modifier. Everything else
 * (enums, domains, composites, arrays, types of extensions) goes as text.
 */
const SAME_EVERYWHERE: ReadonlySet<string> = new Set([
  'smallint', 'integer', 'bigint', 'real', 'double precision', 'boolean', 'text', 'character varying', 'character', 'bytea', 'uuid',
  'date', 'time without time zone', 'timestamp without time zone', 'timestamp with time zone', 'numeric', 'jsonb',
]) // prettier-ignore

const INFINITE_NUMERIC = 140000

/**
 * Binary if every column has the same type on both sides and the type's binary form is the same in all versions: cheaper than
 * text for both servers. COPY checks no type by itself, so a single differing column means text for all.
 */
export function copyFormat(columns: readonly ColumnTypes[], versions: { readonly source: number; readonly target: number }): CopyFormat {
  const fits = ({ sourceType, targetType }: ColumnTypes): boolean => {
    if (sourceType !== targetType) return false
    const plain = sourceType.replace(/\(.*?\)/, '')
    // Infinity came with 14: an older target would take it for another number.
    if (plain === 'numeric' && versions.source >= INFINITE_NUMERIC && versions.target < INFINITE_NUMERIC) return false
    return SAME_EVERYWHERE.has(plain)
  }
  return columns.length > 0 && columns.every(fits) ? 'binary' : 'text'
}
