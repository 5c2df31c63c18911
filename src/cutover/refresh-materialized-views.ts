import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects } from '../spec/selection.ts'

interface ViewRow extends Record<string, string | null> {
  schema: string
  name: string
}

/** Depth of each materialized view over other relations, by the rules of the views in between (pg_rewrite, pg_depend). */
const IN_ORDER = `
  with recursive edge as (
    select distinct r.ev_class as view, d.refobjid as needs
    from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    where d.refobjid <> r.ev_class
  ), reach as (
    select oid as view, oid as relation, 0 as depth from pg_class where relkind = 'm'
    union
    select reach.view, edge.needs, reach.depth + 1 from reach join edge on edge.view = reach.relation where reach.depth < 100
  )
  select n.nspname as schema, c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join (select reach.view, max(reach.depth) filter (where m.relkind = 'm') as depth from reach join pg_class m on m.oid = reach.relation group by 1) o on o.view = c.oid
  where c.relkind = 'm' and n.nspname !~ '^pg_' and n.nspname <> 'pgmove'`

/**
 * Refreshes the materialized views that are populated on the source, those first that others read. Views that were not brought
 * to the target are passed over.
 */
export async function refreshMaterializedViews({
  source,
  target,
  signal,
  spec,
  names = new NameMap(),
}: {
  source: Database
  target: Database
  signal: AbortSignal
  /** With it only selected views are refreshed: one of the same name may be on the target by chance. */
  spec?: Pick<MigrationSpec, 'objects' | 'exclude'>
  /** How they are called on the target. Default: as on the source. */
  names?: NameMap
}): Promise<number> {
  const populated = await source.query<ViewRow>(`${IN_ORDER} and c.relispopulated order by o.depth, 1, 2`)
  const there = await target.query<ViewRow>(IN_ORDER)
  const onTarget = new Set(there.map(({ schema, name }) => `${schema}\0${name}`))
  let refreshed = 0
  for (const { schema, name } of populated) {
    signal.throwIfAborted()
    const view = names.relation({ schema, name })
    if (!onTarget.has(`${view.schema}\0${view.name}`) || (spec && !selects(spec, schema, name))) continue
    await target.query(`refresh materialized view ${qualified(view.schema, view.name)}`)
    refreshed++
  }
  return refreshed
}
