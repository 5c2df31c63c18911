import type { Database } from '../../postgres/connect.ts'
import { qualified } from '../../postgres/quote.ts'
import type { ComparedColumn } from './compared-columns.ts'
import { readComparedColumns, SHORTEST_FLOATS } from './compared-columns.ts'

const SINCE_SEEDS = 110000

/** A table to compare, by its names on both sides. */
export interface TablePair {
  readonly sourceSchema: string
  readonly sourceTable: string
  readonly targetSchema: string
  readonly targetTable: string
  /** The chosen columns by their source names, with the target's; absent: all, under their own names. */
  readonly columns?: ReadonlyMap<string, string> | undefined
  readonly estimatedRows: string
}

/** One side of a compared table. */
export interface TableSide {
  /** Quoted and qualified. */
  readonly name: string
  /** Each column stands in the place of its counterpart. */
  readonly columns: readonly ComparedColumn[]
  /** Both servers keep their texts in the same encoding. */
  readonly sameEncoding: boolean
  /** What a row's text is hashed by: the same on both sides. */
  readonly hash: RowHash
}

/** `hashtextextended`: twice, with two seeds, in a third of the time, where both servers have it (since 11) and mean the same by it; it depends on the byte order. */
export type RowHash = 'hashtextextended' | 'md5'

/** A table whose columns are known on both sides. */
export interface ComparedTable {
  /** `"schema"."table"` on the source. */
  readonly label: string
  readonly pair: TablePair
  readonly source: TableSide
  readonly target: TableSide
  /** Places of the key's columns; empty: the table is compared as a multiset of rows. */
  readonly key: readonly number[]
  readonly estimatedRows: number
}

/** Why a table or a column is not compared. */
export interface NotComparedData {
  /** The table or column on the source, quoted. */
  readonly object: string
  /** Why. */
  readonly reason: string
}

export interface ComparedTables {
  readonly tables: readonly ComparedTable[]
  readonly notCompared: readonly NotComparedData[]
  /** Tables that the target lacks. */
  readonly missing: readonly string[]
}

/** Reads the columns and keys of tables on both sides. */
export async function readComparedTables(source: Database, target: Database, pairs: readonly TablePair[]): Promise<ComparedTables> {
  const floatsBySend = source.version < SHORTEST_FLOATS !== target.version < SHORTEST_FLOATS
  const here = pairs.map(({ sourceSchema: schema, sourceTable: table }) => ({ schema, table }))
  const there = pairs.map(({ targetSchema: schema, targetTable: table }) => ({ schema, table }))
  const ofSource = await readComparedColumns(source, here, floatsBySend)
  const ofTarget = await readComparedColumns(target, there, floatsBySend)
  const keys = await readKeys(source, here)
  const sameEncoding = (await encodingOf(source)) === (await encodingOf(target))
  const hash = sameEncoding ? await rowHash(source, target) : 'md5'
  const tables: ComparedTable[] = []
  const notCompared: NotComparedData[] = []
  const missing: string[] = []
  pairs.forEach((pair, i) => {
    const label = qualified(pair.sourceSchema, pair.sourceTable)
    const [columns, others] = [ofSource[i], ofTarget[i]]
    // Dropped since it was selected.
    if (!columns) return notCompared.push({ object: label, reason: 'the source has no such table any more' })
    if (!others) return missing.push(label)
    const byName = new Map(others.map((column) => [column.name, column]))
    const matched: { readonly here: ComparedColumn; readonly there: ComparedColumn }[] = []
    for (const column of columns) {
      const name = pair.columns ? pair.columns.get(column.name) : column.name
      if (name === undefined) continue
      const counterpart = byName.get(name)
      const object = `${label}.${JSON.stringify(column.name)}`
      if (!counterpart) notCompared.push({ object, reason: 'the target has no such column' })
      else if (column.form.by === 'none' || counterpart.form.by === 'none') {
        const reason = `values of type ${column.type} have no text or binary form that means the same on both versions`
        notCompared.push({ object, reason })
      } else matched.push({ here: column, there: counterpart })
    }
    const key = keyPlaces(keys.get(i) ?? [], matched.map(({ here: { name } }) => name)) // prettier-ignore
    tables.push({
      label,
      pair,
      source: { name: label, columns: matched.map(({ here: column }) => column), sameEncoding, hash },
      target: {
        name: qualified(pair.targetSchema, pair.targetTable),
        columns: matched.map(({ there: column }) => column),
        sameEncoding,
        hash,
      },
      key,
      estimatedRows: Number(pair.estimatedRows),
    })
    return undefined
  })
  return { tables, notCompared, missing }
}

function keyPlaces(key: readonly string[], columns: readonly string[]): number[] {
  const places = key.map((name) => columns.indexOf(name))
  return places.includes(-1) ? [] : places
}

async function rowHash(source: Database, target: Database): Promise<RowHash> {
  if (source.version < SINCE_SEEDS || target.version < SINCE_SEEDS) return 'md5'
  const probe = `select hashtextextended('a text that is longer than one round of the hash' collate "C", 1) as hash`
  const [[here], [there]] = await Promise.all([source.query<{ hash: string }>(probe), target.query<{ hash: string }>(probe)])
  return here?.hash === there?.hash ? 'hashtextextended' : 'md5'
}

async function encodingOf(database: Database): Promise<string> {
  const [row] = await database.query<{ encoding: string }>(`select current_setting('server_encoding') as encoding`)
  return row?.encoding ?? ''
}

/**
 * The key of each table by its place: the primary key, else another unique one over columns that are NOT NULL. Only with operators of
 * PostgreSQL's own, which need no search_path; a nondeterministic or foreign order does no harm, it only makes ranges less exact.
 */
async function readKeys(
  source: Database,
  names: readonly { readonly schema: string; readonly table: string }[],
): Promise<Map<number, string[]>> {
  // Columns of INCLUDE belong to no key.
  const width = source.version >= 110000 ? 'i.indnkeyatts' : 'i.indnatts'
  const rows = await source.query<{ at: string; columns: string }>(
    `select distinct on (x.at) x.at, k.columns
       from json_to_recordset($1::json) as x (at int, schema text, name text)
       join pg_namespace n on n.nspname = x.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = x.name
       join pg_index i on i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
       join lateral (
         select json_agg(a.attname order by u.place) as columns, bool_and(a.attnotnull) as not_null,
                bool_and(o.opcnamespace = 'pg_catalog'::regnamespace) as own
           from generate_series(0, ${width} - 1) as u (place)
           join pg_attribute a on a.attrelid = c.oid and a.attnum = (i.indkey::int2[])[u.place]
           join pg_opclass o on o.oid = (i.indclass::oid[])[u.place]
       ) k on k.not_null and k.own
      order by x.at, i.indisprimary desc, ${width}, i.indexrelid`,
    [JSON.stringify(names.map(({ schema, table }, at) => ({ at, schema, name: table })))],
  )
  return new Map(rows.map(({ at, columns }) => [Number(at), JSON.parse(columns) as string[]]))
}
