import { parseSync } from 'libpg-query'

/** Where something stands in the text, and whether a function was called in SQL's words (`at time zone`) or by its name. */
const WORDING: ReadonlySet<string> = new Set(['location', 'stmt_location', 'stmt_len', 'funcformat', 'name_location'])

/**
 * Whether two definitions are the same statements to PostgreSQL's parser: 14 and later print some functions in SQL's own words
 * (`at time zone`, `overlay`, `trim`, …) that older versions print as calls. False where the parser does not know a statement, or
 * was not loaded.
 */
export function sameStatements(one: string, other: string): boolean {
  const a = tree(one)
  return a !== undefined && a === tree(other)
}

function tree(definition: string): string | undefined {
  try {
    return JSON.stringify(plain(parseSync(definition)))
  } catch {
    return undefined
  }
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !WORDING.has(key))
      .map(([key, inner]) => [key, key === 'funcname' ? withoutCatalog(plain(inner)) : plain(inner)]),
  )
}

function withoutCatalog(names: unknown): unknown {
  if (!Array.isArray(names) || names.length < 2) return names
  const [first, ...rest] = names as unknown[]
  return (first as { String?: { sval?: string } }).String?.sval === 'pg_catalog' ? rest : names
}
