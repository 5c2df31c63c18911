import type { Database } from '../postgres/connect.ts'
import { oidArray } from '../postgres/oid-array.ts'

/** What the target has of a large object, and what the migration's state says of it. */
export interface TargetLargeObject {
  readonly oid: string
  readonly present: boolean
  /** It belongs to the migration. */
  readonly recorded: boolean
  /** The migration made it, or an earlier one that was not completed; else it was there before with the same content. */
  readonly made: boolean
  readonly copied: boolean
  readonly comment: string | null
}

/** An earlier run into this database that was not completed has made it. */
const MADE_BEFORE = `exists (select from pgmove.large_object o join pgmove.migration e on e.id = o.id
                              where o.large_object = x.lo and o.made and e.outcome <> 'completed' offset 0)`

/** Of the given OIDs, by OID. */
export async function readTargetPage(target: Database, id: string, oids: readonly string[]): Promise<Map<string, TargetLargeObject>> {
  const rows = await target.query<Record<'lo' | 'present' | 'recorded' | 'made' | 'copied', string> & { comment: string | null }>(
    // OFFSET keeps the planner from reading millions of rows for a page of 500.
    `select x.lo, exists (select from pg_largeobject_metadata m where m.oid = x.lo offset 0) as present, r.made is not null as recorded,
            coalesce(r.made, ${MADE_BEFORE}) as made, r.copied_at is not null as copied, obj_description(x.lo, 'pg_largeobject') as comment
       from unnest($2::oid[]) as x (lo)
       left join lateral (select made, copied_at from pgmove.large_object where id = $1 and large_object = x.lo offset 0) r on true`,
    [id, oidArray(oids)],
  )
  return new Map(
    rows.map(({ lo, present, recorded, made, copied, comment }) => [
      lo,
      { oid: lo, present: present === 't', recorded: recorded === 't', made: made === 't', copied: copied === 't', comment },
    ]),
  )
}

/** Those of the migration whose OID is above `after`, up to `last`, and that are not among `kept`. Without `last`, all above `after`. */
export async function readOthers(
  target: Database,
  id: string,
  { after, last, kept }: { after: string; last: string | undefined; kept: readonly string[] },
): Promise<{ oid: string; made: boolean }[]> {
  const rows = await target.query<{ lo: string; made: string }>(
    `select large_object as lo, made from pgmove.large_object
      where id = $1 and large_object > $2::oid and ($3::oid is null or large_object <= $3::oid) and large_object <> all ($4::oid[])
      order by large_object limit 500`,
    [id, after, last ?? null, oidArray(kept)],
  )
  return rows.map(({ lo, made }) => ({ oid: lo, made: made === 't' }))
}

/** In the transaction that makes them, with `copied` once their content is whole. */
export async function recordLargeObjects(
  target: Database,
  id: string,
  oids: readonly string[],
  { made, copied }: { made: boolean; copied: boolean },
): Promise<void> {
  await target.query(
    `insert into pgmove.large_object as r (id, large_object, made, copied_at)
     select $1, lo, $3::boolean, case when $4::boolean then clock_timestamp() end from unnest($2::oid[]) as x (lo)
     on conflict (id, large_object) do update set made = r.made or excluded.made, copied_at = excluded.copied_at`,
    [id, oidArray(oids), String(made), String(copied)],
  )
}

export async function forgetLargeObjects(target: Database, id: string, oids: readonly string[]): Promise<void> {
  await target.query('delete from pgmove.large_object where id = $1 and large_object = any ($2::oid[])', [id, oidArray(oids)])
}

/** Their number, for the report. */
export async function countRecorded(target: Database, id: string): Promise<number> {
  const [row] = await target.query<{ n: string }>('select count(*) as n from pgmove.large_object where id = $1', [id])
  return Number(row?.n ?? 0)
}
