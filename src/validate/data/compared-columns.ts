import type { Database } from '../../postgres/connect.ts'

/** A column of a table on one side, as far as the comparison of its values needs it. */
export interface ComparedColumn {
  readonly name: string
  /** As format_type() prints it, with its modifier. */
  readonly type: string
  /** How its values become text that means the same on every major. */
  readonly form: ValueForm
}

/**
 * `text`: the type's own cast to text. `output`: its output function, where the cast would change the value (character loses its blanks) or
 * might be somebody's own. `send`: as hex of its binary form, for floating point numbers between servers that print them differently.
 * `none`: there is no such text.
 */
export type ValueForm =
  { readonly by: 'text' | 'output' } | { readonly by: 'send'; readonly send: string; readonly scalar: boolean } | { readonly by: 'none' }

interface Row extends Record<string, string | null> {
  at: string
  name: string
  type: string
  builtin: string
  blank_padded: string
  floating: string
  scalar: string
  sendable: string
  send: string
}

/** Since 12 floating point numbers are printed as short as they can be (extra_float_digits above 0), before with 17 digits. */
export const SHORTEST_FLOATS = 120000
const SINCE_MULTIRANGES = 140000

/**
 * The columns of tables, in their order, by the tables' places in `names`; generated ones too.
 *
 * @param floatsBySend whether the other side prints floating point numbers otherwise
 */
export async function readComparedColumns(
  database: Database,
  names: readonly { readonly schema: string; readonly table: string }[],
  floatsBySend: boolean,
): Promise<(readonly ComparedColumn[] | undefined)[]> {
  const multiranges =
    database.version >= SINCE_MULTIRANGES ? 'union all select r.rngmultitypid from pg_range r where r.rngtypid = f.oid' : ''
  const rows = await database.query<Row>(
    `with recursive floating (oid) as (
       select unnest('{float4,float8,point,lseg,path,box,polygon,line,circle}'::regtype[])::oid
       union
       select x.oid from floating f cross join lateral (
         select t.oid from pg_type t where t.typbasetype = f.oid or t.typelem = f.oid and t.typlen = -1
         union all select r.rngtypid from pg_range r where r.rngsubtype = f.oid
         union all select c.reltype from pg_attribute a join pg_class c on c.oid = a.attrelid
                    where a.atttypid = f.oid and a.attnum > 0 and not a.attisdropped and c.relkind = 'c'
         ${multiranges}
       ) x
     ), base (oid, of) as (
       select oid, oid from pg_type
       union
       select t.typbasetype, b.of from base b join pg_type t on t.oid = b.oid where t.typtype = 'd'
     )
     select x.at, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, t.oid < 16384 as builtin, t.oid = 'bpchar'::regtype as blank_padded,
            exists (select from floating f where f.oid = t.oid) as floating, t.oid in ('float4'::regtype, 'float8'::regtype) as scalar,
            -- Binary forms of arrays and composites name their types by OIDs, which are the same everywhere for built-in types alone.
            t.oid < 16384 or t.typtype in ('r', 'm')
              or t.typtype = 'c' and not exists (select from pg_attribute m where m.attrelid = t.typrelid and m.attnum > 0 and m.atttypid >= 16384) as sendable,
            (select format('%I.%I', pn.nspname, p.proname) from pg_proc p join pg_namespace pn on pn.oid = p.pronamespace where p.oid = t.typsend) as send
       from json_to_recordset($1::json) as x (at int, schema text, name text)
       join pg_namespace n on n.nspname = x.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = x.name
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       join base b on b.of = a.atttypid join pg_type t on t.oid = b.oid and t.typtype <> 'd'
      order by x.at, a.attnum`,
    [JSON.stringify(names.map(({ schema, table }, at) => ({ at, schema, name: table })))],
  )
  const byTable = new Map<number, ComparedColumn[]>()
  for (const row of rows) {
    const column = { name: row.name, type: row.type, form: formOf(row, floatsBySend) }
    const before = byTable.get(Number(row.at))
    if (before) before.push(column)
    else byTable.set(Number(row.at), [column])
  }
  return names.map((_, at) => byTable.get(at))
}

function formOf({ builtin, blank_padded, floating, scalar, sendable, send }: Row, floatsBySend: boolean): ValueForm {
  if (floating === 't' && floatsBySend) return sendable === 't' ? { by: 'send', send, scalar: scalar === 't' } : { by: 'none' }
  return { by: builtin === 't' && blank_padded === 'f' ? 'text' : 'output' }
}
