import type { RemainingTable } from '../copy/remaining-time.ts'
import type { Database } from '../postgres/connect.ts'
import { ESTIMATED } from './copy-figures.ts'
import { readBuildParts } from './index-progress.ts'

/** What the copies and index builds of a migration have before them, and what the builds have done. */
export interface RemainingWork {
  readonly tables: readonly RemainingTable[]
  /** Copies that run. */
  readonly copies: number
  /** Bytes of rows that index builds have read, those that run included as far as they are. */
  readonly built: number
  /** Index builds that run. */
  readonly builders: number
}

/** So many are looked at one by one; the rest is small and taken together. */
const ALONE = 200

/** From the target's catalogue and the migration's state: nothing is remembered of how long something took. */
export async function readRemainingWork(control: Database, id: string): Promise<RemainingWork> {
  const rows = await control.query<Row>(
    `with ${ESTIMATED}, index as (
       select e.table_schema, e.table_name, count(*) filter (where not x.built) as missing, count(*) filter (where x.built) as built
         from pgmove.entry e cross join lateral (select e.restored_at is not null or exists (
                select from pgmove.built_index b where b.id = e.id and b.dump_id = e.dump_id) as built) x
        where e.id = $1 and e.stage = 'index' and e.kind in ('INDEX', 'CONSTRAINT') and e.skipped is null and e.table_name is not null
        group by 1, 2
     ), work as (
       select g.*, coalesce(i.missing, 0) as missing, coalesce(i.built, 0) as built
         from guessed g left join index i on (i.table_schema, i.table_name) = (g.target_schema, g.target_table)
     ), ranked as (
       select *, row_number() over (order by done desc, running desc, total desc, s, t) as place,
              row_number() over (order by (total - bytes + total * missing) desc, s, t) as rank
         from work where not outside and (not done or missing > 0)
     )
     select case when rank <= ${ALONE} then quote_ident(target_schema) || '.' || quote_ident(target_table) end as name,
            min(place) as place, sum(greatest(total - bytes, 0)) as left, coalesce(sum(total * missing) / nullif(sum(missing), 0), 0) as bytes, sum(missing) as missing,
            count(*) filter (where running) as copies, (select sum(total * built) from work) as built
       from ranked group by 1 order by place`,
    [id],
  )
  if (rows.length === 0) return { tables: [], copies: 0, built: 0, builders: 0 }
  const running = await readBuildParts(control, id)
  let built = Number(rows[0]?.built ?? 0)
  const tables = rows.map(({ name, left, bytes, missing }) => {
    const parts = (name === null ? [] : (running.get(name) ?? [])).slice(0, Number(missing))
    built += parts.reduce((sum, part) => sum + part, 0) * Number(bytes)
    return { left: Number(left), bytes: Number(bytes), builds: [...parts, ...Array<number>(Number(missing) - parts.length).fill(0)] }
  })
  return {
    tables,
    copies: rows.reduce((sum, { copies }) => sum + Number(copies), 0),
    built,
    builders: [...running.values()].reduce((sum, parts) => sum + parts.length, 0),
  }
}

interface Row extends Record<string, string | null> {
  name: string | null
  place: string
  left: string
  bytes: string
  missing: string
  copies: string
  built: string | null
}
