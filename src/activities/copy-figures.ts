import type { Database } from '../postgres/connect.ts'
import type { TableProgress } from '../workflows/status.ts'

/** How far all copies of a migration are together. */
export interface CopyFigures {
  /** The target's clock, in seconds since 1970. */
  readonly at: number
  readonly tables: { readonly total: number; readonly copied: number }
  readonly rows: string
  readonly bytes: { readonly total: string; readonly copied: string }
  /** The largest of the tables whose copies run. */
  readonly copying: readonly TableProgress[]
}

/** How many tables or indexes a report names. */
export const NAMED = 5

/**
 * `guessed`: the tables of migration $1 with what they will come to.
 *
 * A table's size on disk says little of COPY's bytes (format, compression, bloat). What a table will come to is known from its
 * rows so far, if their number is known, and before it begins from rows that were measured; one without either is taken to come to
 * as much of its size as the others. A table with more rows than was thought is taken to be at its end.
 */
export const ESTIMATED = `one as (
       select source_schema as s, source_table as t, m.target_schema, m.target_table, m.left_out is not null as outside, m.copied_at is not null as done, m.copied_at is null and m.left_out is null and p.id is not null as running,
         case when m.copied_at is null then coalesce(p.rows, 0) else m.rows end as rows,
         case when m.copied_at is null then coalesce(p.bytes, 0) else m.bytes end::numeric as bytes, p.rate, m.estimated_bytes::numeric as size,
         case when m.copied_at is not null then m.bytes
              when m.left_out is not null then coalesce(p.bytes, 0)
              when p.rows > 0 and m.estimated_rows > 0 then round(greatest(p.bytes, p.bytes::numeric / p.rows * m.estimated_rows))
              else m.expected_bytes end as final
       from pgmove.migrated_table m left join pgmove.copy_progress p using (id, source_schema, source_table) where id = $1
     ), known as (
       select coalesce(sum(final) / nullif(sum(size) filter (where size > 0), 0), 1) as ratio from one where final > 0
     ), guessed as (
       select one.*, coalesce(final, greatest(bytes, round(size * ratio))) as total from one, known
     )`

export async function readCopyFigures(control: Database, id: string): Promise<CopyFigures> {
  const [row] = await control.query<Figures>(
    `with ${ESTIMATED}
     select extract(epoch from clock_timestamp()) as at, count(*) as total, count(*) filter (where done) as copied, coalesce(sum(rows), 0)::bigint as rows,
       coalesce(sum(bytes), 0)::bigint as bytes, coalesce(sum(total), 0)::bigint as bytes_total,
       (select coalesce(json_agg(json_build_object('table', s || '.' || t, 'rows', rows::text, 'bytes', bytes::text, 'total', total::text, 'rate', rate)), '[]')
          from (select * from guessed where running order by total desc, s, t limit ${NAMED}) x) as copying
     from guessed`,
    [id],
  )
  if (!row) return { at: 0, tables: { total: 0, copied: 0 }, rows: '0', bytes: { total: '0', copied: '0' }, copying: [] }
  return {
    at: Number(row.at),
    tables: { total: Number(row.total), copied: Number(row.copied) },
    rows: row.rows,
    bytes: { total: row.bytes_total, copied: row.bytes },
    copying: JSON.parse(row.copying) as TableProgress[],
  }
}

interface Figures extends Record<string, string | null> {
  at: string
  total: string
  copied: string
  rows: string
  bytes: string
  bytes_total: string
  copying: string
}
