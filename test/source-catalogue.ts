import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { clientProgram } from '../src/postgres/client-program.ts'
import { sql } from './servers.ts'

const run = promisify(execFile)

/** Catalogues whose rows are compared whole, with those that stand for objects of users. */
const WHOLE = [
  ...['pg_namespace', 'pg_proc', 'pg_type', 'pg_trigger', 'pg_event_trigger', 'pg_publication', 'pg_constraint', 'pg_attrdef'],
  ...['pg_rewrite', 'pg_policy', 'pg_extension', 'pg_statistic_ext', 'pg_default_acl', 'pg_language', 'pg_foreign_server'],
]
/**
 * What VACUUM, ANALYZE and the server itself keep in pg_class, and what the application's own TRUNCATE moves. That a table once had a trigger
 * is only forgotten by VACUUM.
 */
const STATISTICS = ['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relfilenode']

const without = (names: readonly string[]): string => names.map((name) => ` - '${name}'::text`).join('')

const QUERY = [
  ...WHOLE.map((name) => `select concat_ws(' ', '${name}', c.oid, to_jsonb(c)) as line from ${name} c where c.oid >= 16384`),
  `select concat_ws(' ', 'pg_class', c.oid, to_jsonb(c)${without(STATISTICS)}) from pg_class c where c.oid >= 16384`,
  `select concat_ws(' ', 'pg_attribute', to_jsonb(a)) from pg_attribute a where a.attrelid >= 16384`,
  `select concat_ws(' ', 'pg_index', to_jsonb(i)) from pg_index i where i.indrelid >= 16384`,
  `select concat_ws(' ', 'pg_inherits', to_jsonb(i)) from pg_inherits i`,
  `select concat_ws(' ', 'pg_publication_rel', to_jsonb(r)) from pg_publication_rel r`,
  `select concat_ws(' ', 'pg_description', to_jsonb(d)) from pg_description d where d.objoid >= 16384`,
  `select concat_ws(' ', 'pg_depend', to_jsonb(d)) from pg_depend d where d.objid >= 16384 or d.refobjid >= 16384`,
  `select concat_ws(' ', 'pg_database', to_jsonb(d)${without(['datfrozenxid', 'datminmxid'])}) from pg_database d where d.datname = current_database()`,
  `select concat_ws(' ', 'pg_db_role_setting', to_jsonb(s)) from pg_db_role_setting s where s.setdatabase = (select oid from pg_database where datname = current_database())`,
  `select concat_ws(' ', 'pg_replication_slots', s.slot_name) from pg_replication_slots s where s.database = current_database()`,
  `select concat_ws(' ', 'pg_prepared_xacts', p.gid) from pg_prepared_xacts p where p.database = current_database()`,
  `select concat_ws(' ', 'pg_largeobject_metadata', l.oid) from pg_largeobject_metadata l`,
].join('\nunion all ')

/** A source's whole catalogue, as its rows and as pg_dump prints it: line by line equal if nothing was left behind or changed. */
export async function sourceCatalogue(url: string): Promise<string[]> {
  const rows = await sql(url, `${QUERY} order by 1`)
  const { stdout } = await run(await clientProgram('pg_dump', 18), ['--schema-only', '--dbname', url], { maxBuffer: 2 ** 28 })
  // Its key for psql is another in each run.
  const dump = stdout.split('\n').filter((line) => !/^\\(un)?restrict /.test(line))
  return [...rows.map(({ line }) => line ?? ''), ...dump]
}
