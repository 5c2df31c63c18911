import { ident } from '../src/postgres/quote.ts'
import type { Row, Session } from './session.ts'

/** What two databases' tables hold, and where they differ. */
export interface TableComparison {
  readonly tables: number
  readonly rows: number
  readonly differences: readonly string[]
}

interface Relation {
  readonly name: string
  readonly from: string
  /** The query of a materialized view. */
  readonly query: string | undefined
  readonly hash: string
}

/** Floats and what is made of them print differently from version to version: their binary form is compared. */
const RELATIONS = `
  select n.nspname as schema, c.relname as name, c.relkind as kind,
    case when c.relkind = 'm' then rtrim(pg_get_viewdef(c.oid), ';') end as query,
    string_agg(case
      when b.typname in ('float4', 'float8', '_float4', '_float8', 'point', 'lseg', 'path', 'box', 'polygon', 'circle', 'line')
      then format('encode(%s(t.%I), ''hex'')', b.typsend, a.attname) else format('t.%I::text', a.attname) end, chr(10) order by a.attname) filter (where a.attname is not null) as columns
  from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_type d on d.oid = a.atttypid
    left join pg_type b on b.oid = case when d.typtype = 'd' then d.typbasetype else d.oid end
  where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  group by n.nspname, c.relname, c.relkind, c.oid
  order by 1, 2`

/**
 * Compares every table (partitions one by one) and materialized view by its number of rows and a checksum that doesn't depend on their order.
 *
 * @param onTable told the name before each
 */
export async function compareTables(source: Session, target: Session, onTable?: (name: string) => void): Promise<TableComparison> {
  const [wanted, found] = [await relations(source), await relations(target)]
  const differences: string[] = []
  let rows = 0
  for (const [name, there] of wanted) {
    onTable?.(name)
    const here = found.get(name)
    if (!here) {
      differences.push(`${name} is missing on the target`)
      continue
    }
    const [a, b] = await Promise.all([checksum(source, there.from, there.hash), checksum(target, here.from, here.hash)])
    rows += Number(a['rows'])
    if (a['sum'] === b['sum'] && a['rows'] === b['rows']) continue
    // A materialized view may be as stale as on the source, or fresh.
    const fresh = there.query && (await checksum(source, `(${there.query})`, there.hash))
    if (fresh && fresh['sum'] === b['sum']) continue
    differences.push(
      `${name}: ${a['rows']} rows on the source, ${b['rows']} on the target${a['rows'] === b['rows'] ? ', with other values' : ''}`,
    )
  }
  for (const name of found.keys()) if (!wanted.has(name)) differences.push(`${name} is only on the target`)
  return { tables: wanted.size, rows, differences }
}

async function relations(session: Session): Promise<Map<string, Relation>> {
  const result = new Map<string, Relation>()
  for (const row of await session.query(RELATIONS)) {
    const name = `${row['schema']}.${row['name']}`
    const from = `${row['kind'] === 'r' ? 'only ' : ''}${ident(row['schema'] ?? '')}.${ident(row['name'] ?? '')}`
    result.set(name, { name, from, query: row['query'] ?? undefined, hash: rowHash((row['columns'] ?? '').split('\n')) })
  }
  return result
}

/** Each value with its length before it, so that no two rows print alike. A function takes 100 arguments at most. */
function rowHash(columns: readonly string[]): string {
  const values = columns.filter((column) => column !== '').map((column) => `coalesce(length(${column}) || ':' || ${column}, 'N')`)
  const groups = []
  for (let i = 0; i < values.length; i += 90) groups.push(`concat(${values.slice(i, i + 90).join(', ')})`)
  return groups.length > 0 ? `md5(${groups.join(' || ')})` : `''`
}

async function checksum(session: Session, from: string, hash: string): Promise<Row> {
  const [row] = await session.query(
    `select count(*) as rows, concat(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), ' ', sum(('x' || substr(h, 17))::bit(64)::bigint::numeric)) as sum
     from (select ${hash} as h from ${from} t) hashes`,
  )
  return row ?? {}
}
