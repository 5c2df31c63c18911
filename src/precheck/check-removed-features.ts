import type { Check } from './check.ts'
import { notOfExtension } from '../validate/metadata/kinds/fragments.ts'
import { wholeSchemas } from './check-newer-features.ts'
import { failed, passed } from './finding.ts'

const SINCE = 140000
/** Their arguments became anycompatiblearray and anycompatible. */
const ARRAY_FUNCTIONS = `f.proname in ('array_append', 'array_cat', 'array_prepend', 'array_remove', 'array_replace', 'array_position', 'array_positions', 'width_bucket')`

/**
 * What 14 no longer takes, after the checks of pg_upgrade (src/bin/pg_upgrade/check.c). A conversion by a function of the server's own is
 * taken, unlike there: it is made anew, by the target's function of that name. $1: schemas.
 */
const REMOVED = `
  select format('%I.%s (postfix operator)', n.nspname, o.oprname) as object
    from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
   where n.nspname = any ($1::text[]) and o.oprright = 0 and ${notOfExtension('pg_operator', 'o.oid')}
  union all
  select p.oid::regprocedure || ' (aggregate with ' || f.oid::regproc || ' of anyarray)'
    from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid join pg_namespace n on n.oid = p.pronamespace
    join pg_proc f on f.oid in (a.aggtransfn, a.aggfinalfn) and f.pronamespace = 'pg_catalog'::regnamespace
   where n.nspname = any ($1::text[])
     and ${notOfExtension('pg_proc', 'p.oid')} and ${ARRAY_FUNCTIONS}
     and a.aggtranstype in ('anyarray'::regtype, 'anyelement'::regtype)
  union all
  select format('%I.%s (operator on %s)', n.nspname, o.oprname, f.oid::regproc)
    from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
    join pg_proc f on f.oid = o.oprcode and f.pronamespace = 'pg_catalog'::regnamespace
   where n.nspname = any ($1::text[])
     and ${notOfExtension('pg_operator', 'o.oid')} and ${ARRAY_FUNCTIONS}
     and o.oprleft in ('anyarray'::regtype, 'anyelement'::regtype)
  union all
  select format('%I.%I (conversion)', n.nspname, c.conname)
    from pg_conversion c join pg_namespace n on n.oid = c.connamespace join pg_proc f on f.oid = c.conproc
   where n.nspname = any ($1::text[]) and f.pronamespace <> 'pg_catalog'::regnamespace and ${notOfExtension('pg_conversion', 'c.oid')}`

/** Definitions that an older server takes and a newer one does not, whatever the words. */
export const removedFeatures: Check = {
  name: 'removed_features',
  expected: "no selected object uses what the target's version no longer has",
  applies: ({ schema, source, target }) => schema && source.version < SINCE && target.version >= SINCE,
  run: async (context) => {
    const rows = await context.source.query<{ object: string }>(`select object from (${REMOVED}) x order by 1`, [wholeSchemas(context)])
    if (rows.length === 0) return passed('none')
    return failed(
      `${rows.length} objects, which PostgreSQL 14 and newer refuse`,
      'Postfix operators: use a function or a prefix operator. Aggregates and operators: declare them with anycompatiblearray and anycompatible ' +
        'on the target, and drop them from the source. Conversions: drop them, and make them on the target by a function with its arguments.',
      rows.map(({ object }) => object),
    )
  },
}
