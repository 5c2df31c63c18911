import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { validationFailed } from './validation-failed.ts'

interface KeyRow extends Record<string, string | null> {
  name: string
  schema: string
  table: string
  kind: string
  type: string
  columns: string | null
  operators: string | null
  nulls_equal: string
}

/**
 * Looks for duplicates under deferrable unique, primary key and exclusion constraints: in replica role their recheck, a
 * trigger, does not run, and duplicates can be committed (APPLY.md 1.3). Fails with `ValidationFailed` naming the keys.
 */
export async function verifyDeferrableKeys({ target, id, signal }: { target: Database; id: string; signal: AbortSignal }): Promise<{
  keys: number
  /** Exclusion constraints over expressions or with a predicate, which are not looked at. */
  unchecked: string[]
}> {
  const nullsEqual = target.version >= 150000 ? 'i.indnullsnotdistinct' : 'false'
  const top = target.version >= 110000 ? 'k.conparentid = 0' : 'true'
  const keys = await target.query<KeyRow>(
    `select k.conname as name, n.nspname as schema, c.relname as "table", c.relkind as kind, k.contype as type, ${nullsEqual} as nulls_equal,
       case when 0 = any (k.conkey) or k.contype = 'x' and i.indpred is not null then null else (select json_agg(a.attname order by u.i) from unnest(k.conkey) with ordinality u (num, i)
         join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) end as columns,
       (select json_agg(format('operator(%I.%s)', s.nspname, o.oprname) order by u.i) from unnest(k.conexclop) with ordinality u (op, i)
         join pg_operator o on o.oid = u.op join pg_namespace s on s.oid = o.oprnamespace) as operators
     from pg_constraint k
     join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indexrelid = k.conindid
     where k.contype in ('p', 'u', 'x') and k.condeferrable and ${top}
       and (exists (select from pgmove.migrated_table m where m.id = $1 and m.target_schema = n.nspname and m.target_table = c.relname) or c.relkind = 'p')
     order by 2, 3, 1`,
    [id],
  )
  const broken: string[] = []
  const unchecked: string[] = []
  for (const key of keys) {
    signal.throwIfAborted()
    const label = `${ident(key.name)} on ${qualified(key.schema, key.table)}`
    if (key.columns === null) {
      unchecked.push(label)
      continue
    }
    // A key WITHOUT OVERLAPS (18) has operators as an exclusion constraint has.
    const rows = await target.query(key.operators === null ? duplicates(key) : conflicts(key))
    if (rows.length > 0) broken.push(label)
  }
  if (broken.length > 0) throw validationFailed('rows conflict under deferrable constraints', broken)
  return { keys: keys.length - unchecked.length, unchecked }
}

function relation({ kind, schema, table }: KeyRow): string {
  return `${kind === 'p' ? '' : 'only '}${qualified(schema, table)}`
}

function duplicates(key: KeyRow): string {
  const columns = (JSON.parse(key.columns ?? '[]') as string[]).map(ident)
  const where = key.nulls_equal === 't' ? '' : ` where ${columns.map((column) => `${column} is not null`).join(' and ')}`
  return `select from ${relation(key)}${where} group by ${columns.join(', ')} having count(*) > 1 limit 1`
}

function conflicts(key: KeyRow): string {
  const columns = (JSON.parse(key.columns ?? '[]') as string[]).map(ident)
  const operators = JSON.parse(key.operators ?? '[]') as string[]
  const on = columns.map((column, i) => `a.${column} ${operators[i] ?? '='} b.${column}`).join(' and ')
  return `select from ${relation(key)} a join ${relation(key)} b on (a.tableoid, a.ctid) <> (b.tableoid, b.ctid) and ${on} limit 1`
}
