import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { Check } from './check.ts'
import { wholeSchemas } from './check-newer-features.ts'
import { failed, passed } from './finding.ts'

const notOfExtension = (catalog: string, oid: string) =>
  `not exists (select from pg_depend x where x.classid = '${catalog}'::regclass and x.objid = ${oid} and x.deptype = 'e')`

/** What PostgreSQL lets only superusers create, with the identity by which the target knows it too. $1: schemas. */
const OBJECTS = `
  select 'pg_proc' as catalog, p.oid, l.lanname || ' function' as kind
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
   where n.nspname = any ($1::text[]) and (not l.lanpltrusted or p.proleakproof) and ${notOfExtension('pg_proc', 'p.oid')}
     -- aggregates are written in "internal" whatever they are, and so are the constructors that come with a range type
     and not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid and x.deptype = 'i' and x.refclassid = 'pg_type'::regclass)
     and not exists (select from pg_aggregate a where a.aggfnoid = p.oid)
  union all
  select 'pg_type', t.oid, 'base type' from pg_type t join pg_namespace n on n.oid = t.typnamespace
   where n.nspname = any ($1::text[]) and t.typtype = 'b' and t.typelem = 0 and ${notOfExtension('pg_type', 't.oid')}
  union all
  select 'pg_opfamily', f.oid, 'operator family' from pg_opfamily f join pg_namespace n on n.oid = f.opfnamespace
   where n.nspname = any ($1::text[]) and ${notOfExtension('pg_opfamily', 'f.oid')}
  union all
  select 'pg_ts_parser', p.oid, 'text search parser' from pg_ts_parser p join pg_namespace n on n.oid = p.prsnamespace
   where n.nspname = any ($1::text[]) and ${notOfExtension('pg_ts_parser', 'p.oid')}
  union all
  select 'pg_ts_template', t.oid, 'text search template' from pg_ts_template t join pg_namespace n on n.oid = t.tmplnamespace
   where n.nspname = any ($1::text[]) and ${notOfExtension('pg_ts_template', 't.oid')}`

/** Belong to no schema, and so come along only with a whole database. */
const OF_DATABASE = `
  union all
  select 'pg_am', a.oid, 'access method' from pg_am a where a.oid >= 16384 and ${notOfExtension('pg_am', 'a.oid')}
  union all
  select 'pg_foreign_data_wrapper', w.oid, 'foreign-data wrapper' from pg_foreign_data_wrapper w where ${notOfExtension('pg_foreign_data_wrapper', 'w.oid')}
  union all
  select 'pg_cast', c.oid, 'binary-coercible cast' from pg_cast c
   where c.oid >= 16384 and c.castmethod = 'b' and ${notOfExtension('pg_cast', 'c.oid')}`

/** Objects that the target's role can't create, unless they are there already. */
export const superuserObjects: Check = {
  name: 'superuser_objects',
  expected: 'the target role may create every selected object',
  applies: ({ schema, targetRole }) => schema && !targetRole.superuser,
  run: async (context) => {
    const { source, target, spec } = context
    const rows = await source.query<{ kind: string; type: string; identity: string; names: string; args: string }>(
      `select o.kind, a.type, i.identity, array_to_json(a.object_names)::text as names, array_to_json(a.object_args)::text as args
         from (${OBJECTS}${spec.objects === null ? OF_DATABASE : ''}) o
         cross join lateral pg_identify_object(o.catalog::regclass, o.oid, 0) i
         cross join lateral pg_identify_object_as_address(o.catalog::regclass, o.oid, 0) a
        order by 1, 3`,
      [wholeSchemas(context)],
    )
    const missing: string[] = []
    for (const { kind, type, identity, names, args } of rows) {
      if (!(await isThere(target, type, names, args))) missing.push(`${kind} ${identity}`)
    }
    if (missing.length === 0) return passed(rows.length === 0 ? 'none needs a superuser' : 'those that need a superuser are there')
    return failed(
      `${missing.length} need a superuser`,
      'Let a superuser create them on the target, connect as a superuser, or exclude their schemas.',
      missing,
    )
  },
}

async function isThere(target: Database, type: string, names: string, args: string): Promise<boolean> {
  const list = (parameter: string) => `array(select json_array_elements_text(${parameter}::json))`
  try {
    await target.query(`select from pg_get_object_address($1, ${list('$2')}, ${list('$3')})`, [type, names, args])
    return true
  } catch (error) {
    if (sqlState(error) === undefined || (error instanceof MigrationError && error.kind === 'ConnectionLost')) throw error
    return false
  }
}
