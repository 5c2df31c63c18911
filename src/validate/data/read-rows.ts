import type { Database } from '../../postgres/connect.ts'
import { ident } from '../../postgres/quote.ts'
import type { ComparedTable, TableSide } from './compared-table.ts'
import { CHECKSUM, HASH, hashedRows, valueText } from './row-hash.ts'

/** One side of a comparison: where it is read, and what its table is called there. */
export interface ReadSide {
  readonly database: Database
  readonly table: TableSide
}

/** Keys between two bounds, both JSON arrays of texts: above `after`, up to and including `upTo`; null: no bound. */
export interface KeyRange {
  readonly after: string | null
  readonly upTo: string | null
}

export interface Checksum {
  readonly rows: bigint
  /** Bytes of text that were hashed. */
  readonly bytes: number
  /** Equal for equal rows in any order. */
  readonly sum: string
}

/** A row as far as it is compared. */
export interface HashedRow {
  readonly hash: string
  /** Changes with every change of the row, and only then. */
  readonly version: string
}

const WHOLE: KeyRange = { after: null, upTo: null }

/** The key that stands `rows` keys above a bound, by the source's order; null if there are fewer. */
export async function boundAbove(
  source: Database,
  { source: side, key }: ComparedTable,
  after: string | null,
  rows: number,
): Promise<string | null> {
  const columns = key.map((place) => side.columns[place]).filter((column) => column !== undefined)
  const { text, values } = condition(side, key, { after, upTo: null })
  const [row] = await source.query<{ k: string }>(
    `select json_build_array(${columns.map(valueText).join(', ')})::text as k from only ${side.name} as t
      ${text === '' ? '' : `where ${text}`} order by ${columns.map(({ name }) => `t.${ident(name)}`).join(', ')} offset ${rows - 1} limit 1`,
    values,
  )
  return row?.k ?? null
}

/** The checksum of a range of rows; without a range, or a key, of all. */
export async function checksumOf({ database, table }: ReadSide, key: readonly number[], range = WHOLE): Promise<Checksum> {
  const { text, values } = condition(table, key, range)
  const [row] = await database.query<{ rows: string; a: string; b: string; bytes: string }>(
    `select ${CHECKSUM} from ${hashedRows(table, [], { where: text, identified: false })}`,
    values,
  )
  return { rows: BigInt(row?.rows ?? 0), bytes: Number(row?.bytes ?? 0), sum: `${row?.a} ${row?.b}` }
}

/** The rows of a range by their keys. */
export async function rowsInRange({ database, table }: ReadSide, key: readonly number[], range: KeyRange): Promise<Map<string, HashedRow>> {
  const { text, values } = condition(table, key, range)
  return byKey(await database.query(`select k, ${HASH} as h, v from ${hashedRows(table, key, { where: text })}`, values))
}

/** The rows that have these keys. */
export async function rowsWithKeys(
  { database, table }: ReadSide,
  key: readonly number[],
  keys: readonly string[],
): Promise<Map<string, HashedRow>> {
  const equal = key.map((place, i) => `t.${ident(table.columns[place]?.name ?? '')} = (e.value ->> ${i})::${table.columns[place]?.type}`)
  const rows = hashedRows(table, key, { from: 'json_array_elements($1::json) as e (value) cross join ', where: equal.join(' and ') })
  return byKey(await database.query(`select k, ${HASH} as h, v from ${rows}`, [`[${keys.join(',')}]`]))
}

/** How often each row occurs in a table without a key, in one of `parts` parts of it; the hash of a row stands for its key. */
export async function occurrences({ database, table }: ReadSide, part: number, parts: number): Promise<Map<string, string>> {
  const rows = await database.query<{ h: string; n: string }>(
    `select ${HASH} as h, count(*) as n from ${hashedRows(table, [], { identified: false })} where ${PART} % ${parts} = ${part} group by a, b`,
  )
  return new Map(rows.map(({ h, n }) => [h, n]))
}

/** Checksums of the parts of a table without a key, by part. */
export async function partChecksums({ database, table }: ReadSide, parts: number): Promise<Map<number, Checksum>> {
  const rows = await database.query<{ part: string; rows: string; a: string; b: string; bytes: string }>(
    `select ${PART} % ${parts} as part, ${CHECKSUM} from ${hashedRows(table, [], { identified: false })} group by 1`,
  )
  return new Map(rows.map(({ part, rows: n, a, b, bytes }) => [Number(part), { rows: BigInt(n), bytes: Number(bytes), sum: `${a} ${b}` }]))
}

/** The rows that have these hashes, those with the same hash together: their number is what is compared. */
export async function rowsWithHashes({ database, table }: ReadSide, hashes: readonly string[]): Promise<Map<string, HashedRow>> {
  const rows = await database.query<{ k: string; h: string; v: string }>(
    `select ${HASH} as k, count(*) as h, ${VERSIONS} as v from ${hashedRows(table, [])}
      where (a, b) in (select split_part(x, ' ', 1)::bigint, split_part(x, ' ', 2)::bigint from json_array_elements_text($1::json) as x) group by a, b`,
    [JSON.stringify(hashes)],
  )
  return byKey(rows)
}

function byKey(rows: readonly Record<string, string | null>[]): Map<string, HashedRow> {
  return new Map(rows.map(({ k, h, v }) => [k ?? '', { hash: h ?? '', version: v ?? '' }]))
}

/** The last bits of a hash, as a number: not those of the sum that tells parts apart. */
const PART = '(r.b & 268435455)'

/** Of any number of rows: another one as soon as any of them has changed. */
const VERSIONS = `sum(hashtext(v)::bigint) || ' ' || sum(hashtext(v || ' ')::bigint)`

/** The condition that chooses a range, with its parameters. */
function condition({ columns }: TableSide, key: readonly number[], { after, upTo }: KeyRange): { text: string; values: string[] } {
  const values: string[] = []
  const names = key.map((place) => `t.${ident(columns[place]?.name ?? '')}`)
  const compared = (operator: string, bound: string | null): string[] => {
    if (bound === null) return []
    const parts = JSON.parse(bound) as string[]
    const placed = parts.map((part, i) => `$${values.push(part)}::text::${columns[key[i] ?? 0]?.type}`)
    return [`(${names.join(', ')}) ${operator} (${placed.join(', ')})`]
  }
  const text = [...compared('>', after), ...compared('<=', upTo)].join(' and ')
  return { text, values }
}
