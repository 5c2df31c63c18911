import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'

interface KeyRow extends Record<string, string | null> {
  name: string
  schema: string
  table: string
  kind: string
  ref_schema: string
  ref_table: string
  ref_kind: string
  match: string
  columns: string
  ref_columns: string
  operators: string
}

const KEYS = `
  select k.conname as name, n.nspname as schema, c.relname as "table", c.relkind as kind, rn.nspname as ref_schema, r.relname as ref_table,
    r.relkind as ref_kind, k.confmatchtype as match,
    (select json_agg(a.attname order by u.i) from unnest(k.conkey) with ordinality u (num, i) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
    (select json_agg(a.attname order by u.i) from unnest(k.confkey) with ordinality u (num, i) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as ref_columns,
    (select json_agg(format('operator(%I.%s)', s.nspname, o.oprname) order by u.i) from unnest(k.conpfeqop) with ordinality u (op, i)
       join pg_operator o on o.oid = u.op join pg_namespace s on s.oid = o.oprnamespace) as operators
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
  where k.contype = 'f' and k.convalidated and n.nspname not in ('pgmove', 'pg_catalog', 'information_schema') and %top%
    and (exists (select from pgmove.migrated_table m where m.id = $1 and m.target_schema = n.nspname and m.target_table = c.relname) or c.relkind = 'p')
  order by 2, 3, 1`

/**
 * Looks for rows without the row that they refer to, under every valid foreign key of the migrated tables. While the stream is
 * applied in replica role no key is checked, and VALIDATE does nothing for a key that counts as valid already (measured). Fails
 * with `ValidationFailed` naming the keys.
 */
export async function verifyForeignKeys({
  target,
  id,
  signal,
}: {
  target: Database
  id: string
  signal: AbortSignal
}): Promise<{ keys: number }> {
  // Keys of partitions are those of their roots.
  const keys = await target.query<KeyRow>(KEYS.replace('%top%', target.version >= 110000 ? 'k.conparentid = 0' : 'true'), [id])
  const broken: string[] = []
  for (const key of keys) {
    signal.throwIfAborted()
    const [row] = await target.query<{ n: string }>(violations(key))
    if (row && row.n !== '0')
      broken.push(`${qualified(key.schema, key.table)} constraint ${ident(key.name)} (${row.n === '1000' ? 'at least 1000' : row.n} rows)`)
  }
  if (broken.length === 0) return { keys: keys.length }
  throw new MigrationError(
    'ValidationFailed',
    `On the target, rows lack the row that they refer to: ${broken.slice(0, 10).join('; ')}. pgmove goes back to incremental replication.`,
    { side: 'target' },
  )
}

function violations(key: KeyRow): string {
  const [columns, refColumns, operators] = [key.columns, key.ref_columns, key.operators].map((text) => JSON.parse(text) as string[])
  const only = (kind: string, schema: string, name: string): string => `${kind === 'p' ? '' : 'only '}${qualified(schema, name)}`
  const present = (columns ?? []).map((column) => `c.${ident(column)} is not null`).join(' and ')
  const absent = (columns ?? []).map((column) => `c.${ident(column)} is null`).join(' and ')
  // conpfeqop: the referenced column stands on the left.
  const same = (columns ?? [])
    .map((column, i) => `p.${ident(refColumns?.[i] ?? '')} ${operators?.[i] ?? '='} c.${ident(column)}`)
    .join(' and ')
  const lacking = `${present} and not exists (select from ${only(key.ref_kind, key.ref_schema, key.ref_table)} p where ${same})`
  // MATCH FULL also forbids a key that is NULL in parts.
  const where = key.match === 'f' ? `not (${absent}) and (not (${present}) or (${lacking}))` : lacking
  return `select count(*) as n from (select from ${only(key.kind, key.schema, key.table)} c where ${where} limit 1000) x`
}
