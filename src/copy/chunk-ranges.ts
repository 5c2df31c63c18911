import type { Database } from '../postgres/connect.ts'
import { ident, literal, qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'

/** A part of a table's rows. The chunks of one table hold each row once; they must be read under one snapshot. */
export interface ChunkRange {
  /** The condition that a row of the chunk fulfils. */
  readonly where: string
  /** For people; holds no value. */
  readonly label: string
}

/** From 14 on a range of ctids is read alone; before, it is a filter over the whole table (PostgreSQL 14 release notes, E.26.3.1.2). */
const TID_RANGE_SCAN = 140000
/** A chunk's query, transaction and record cost about as much as this many pages. */
const FEWEST_PAGES = 1024
/** More chunks than jobs, so that none ends long before the others. */
const CHUNKS_PER_JOB = 4
const SAMPLED_PAGES = 1500
/** Order of types whose operators < and >= are total orders of the btree. */
const KEY_TYPES = ['int2', 'int4', 'int8', 'uuid', 'text', 'varchar', 'date', 'timestamp', 'timestamptz', 'numeric']
const SCATTERED = 0.5

/**
 * Cuts a table for `jobs` sessions that read at once, under the snapshot of `source`'s transaction: by ctid from 14 on, else by an
 * indexed key that can't be NULL. Empty if it can't be cut. Doesn't rely on statistics, which may be stale or absent.
 */
export async function chunkRanges(source: Database, table: MigratedTable, jobs: number): Promise<ChunkRange[]> {
  const label = qualified(table.sourceSchema, table.sourceTable)
  const [row] = await source.query<{ pages: string }>(
    `select pg_relation_size($1::regclass) / current_setting('block_size')::bigint as pages`,
    [label],
  )
  const pages = Number(row?.pages ?? 0)
  const count = Math.min(jobs * CHUNKS_PER_JOB, Math.floor(pages / FEWEST_PAGES))
  if (count < 2) return []
  if (source.version >= TID_RANGE_SCAN) return ctidRanges(pages, count)
  const key = await findKey(source, label)
  if (!key) return []
  // Rows that don't lie in the key's order are better read in few chunks: each may become a scan of the whole table.
  const bounds = await sampleBounds(source, label, key.column, pages, key.scattered ? Math.min(jobs, count) : count)
  return keyRanges(key.column, key.type, bounds)
}

/** Ranges of pages; the last one is open, though the snapshot shows nothing behind the table's end. */
export function ctidRanges(pages: number, count: number): ChunkRange[] {
  const edge = (at: number): number => Math.floor((pages * at) / count)
  return Array.from({ length: count }, (_, at) => {
    const from = at === 0 ? [] : [`ctid >= '(${edge(at)},0)'::tid`]
    const to = at === count - 1 ? [] : [`ctid < '(${edge(at + 1)},0)'::tid`]
    return { where: [...from, ...to].join(' and '), label: `pages from ${edge(at)}` }
  })
}

/** Ranges between ascending bounds of a key that is never NULL. */
export function keyRanges(column: string, type: string, bounds: readonly string[]): ChunkRange[] {
  if (bounds.length === 0) return []
  const name = ident(column)
  const value = (bound: string): string => `${literal(bound)}::pg_catalog.${type}`
  return Array.from({ length: bounds.length + 1 }, (_, at) => {
    const [low, high] = [bounds[at - 1], bounds[at]]
    const from = low === undefined ? [] : [`${name} >= ${value(low)}`]
    const to = high === undefined ? [] : [`${name} < ${value(high)}`]
    return { where: [...from, ...to].join(' and '), label: `${column}, part ${at + 1} of ${bounds.length + 1}` }
  })
}

interface Key {
  readonly column: string
  readonly type: string
  readonly scattered: boolean
}

async function findKey(source: Database, label: string): Promise<Key | undefined> {
  const rows = await source.query<{ column: string; type: string; correlation: string | null }>(
    `select a.attname as column, t.typname as type,
            (select s.correlation from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
                and not s.inherited) as correlation
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       join pg_index i on i.indrelid = c.oid and i.indisvalid and i.indpred is null
       join pg_class x on x.oid = i.indexrelid
       join pg_am m on m.oid = x.relam and m.amname = 'btree'
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] and a.attnotnull
       join pg_type t on t.oid = a.atttypid and t.typnamespace = 'pg_catalog'::regnamespace and t.typname = any ($2::text[])
      where c.oid = $1::regclass
      order by i.indisprimary desc, i.indisunique desc, i.indexrelid`,
    [label, `{${KEY_TYPES.join(',')}}`],
  )
  const keys = rows.map(({ column, type, correlation }) => ({
    column,
    type,
    scattered: correlation !== null && Math.abs(Number(correlation)) < SCATTERED,
  }))
  return keys.find(({ scattered }) => !scattered) ?? keys[0]
}

/** Percentiles of a sample of the rows. */
async function sampleBounds(source: Database, label: string, column: string, pages: number, count: number): Promise<string[]> {
  const fractions = Array.from({ length: count - 1 }, (_, at) => ((at + 1) / count).toFixed(6))
  const percent = Math.min(100, (100 * SAMPLED_PAGES) / pages).toFixed(4)
  const name = ident(column)
  const rows = await source.query<{ bound: string | null }>(
    `select b.bound::text as bound
       from (select unnest(percentile_disc(array[${fractions.join(', ')}]::float8[]) within group (order by ${name})) as bound
               from only ${label} tablesample system (${percent})) b
      where b.bound is not null group by b.bound order by b.bound`,
  )
  return rows.flatMap(({ bound }) => (bound === null ? [] : [bound]))
}
