import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { changeSource } from './source-schema.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
const EVENTS = ['ddl_command_end', 'sql_drop', 'table_rewrite'] as const
const FUNCTIONS = ['log_ddl()', 'record_ddl(text, text, text, text)', 'table_state(oid)']

/**
 * Makes event triggers that write every DDL command into the table `pgmove.ddl_log`: what it left in the catalogue, never its text, which may hold
 * secrets and stands for several commands at once. A row belongs to the transaction of its command and stands in the change stream between the
 * changes before and after it (APPLY.md, §5). The user's command neither fails nor waits for it: what can't be recorded is passed over.
 *
 * To be called when pgmove's schema is there, before the publication is made. Once made they serve all migrations of the database, and the last
 * of them removes them. False, with nothing changed, if the role may not create event triggers.
 */
export async function installDdlCapture(source: Database, signal: AbortSignal): Promise<boolean> {
  return changeSource(source, signal, async () => {
    if (await hasDdlLog(source)) return true
    await source.query('savepoint ddl_capture')
    try {
      await source.query(captureObjects(source.version))
      return true
    } catch (error) {
      if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error
      await source.query('rollback to savepoint ddl_capture')
      return false
    }
  })
}

/** Whether DDL of this database is captured. */
export async function hasDdlLog(source: Database): Promise<boolean> {
  return (await source.query(`select where to_regclass('pgmove.ddl_log') is not null`)).length > 0
}

/** What takes it all away, also if nothing is there. DDL on event triggers fires none. */
export function dropDdlCaptureStatements(): string {
  return [
    ...EVENTS.map((event) => `drop event trigger if exists pgmove_${event}`),
    ...FUNCTIONS.map((name) => `drop function if exists pgmove.${name}`),
    'drop table if exists pgmove.ddl_log, pgmove.ddl_relation',
  ].join('; ')
}

/**
 * `ddl_relation` remembers each table's name: of a renamed table, the event tells only the new one. `log_ddl` has no SET clause, which would hide the user's search_path: it names everything in full and leaves the work to
 * `record_ddl`, which has one. `lock_timeout` is for whoever locks the log.
 */
function captureObjects(version: number): string {
  const missing = version >= 110000 ? `case when a.atthasmissing then (a.attmissingval::text::text[])[1] end` : 'null::text'
  const generated = version >= 120000 ? 'a.attgenerated' : `''`
  return `
create table pgmove.ddl_log (
  entry bigserial primary key,
  xid bigint not null default pg_catalog.txid_current(),
  at timestamptz not null default pg_catalog.clock_timestamp(),
  session_role text not null,
  active_role text not null,
  search_path text not null,
  event text not null,
  tag text not null,
  payload text not null
);
create table pgmove.ddl_relation (
  relation oid primary key,
  schema_name text not null,
  table_name text not null
);
insert into pgmove.ddl_relation
  select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and c.relpersistence <> 't';
create function pgmove.table_state(relation oid) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp set datestyle = iso set intervalstyle = postgres set timezone = 'UTC' set extra_float_digits = 3
  set bytea_output = hex as $body$
  select jsonb_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'persistence', c.relpersistence, 'identity', c.relreplident,
    'columns', (
      select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeKind', t.typtype,
               'builtIn', t.typnamespace = 'pg_catalog'::regnamespace, 'collated', a.attcollation <> t.typcollation, 'notNull', a.attnotnull,
               'default', pg_get_expr(d.adbin, d.adrelid), 'hasMissing', ${version >= 110000 ? 'a.atthasmissing' : 'false'}, 'missing', ${missing},
               'computed', ${generated} <> '' or a.attidentity <> '', 'inherited', a.attinhcount > 0) order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation
$body$;
create function pgmove.record_ddl(event text, tag text, path text, active_role text) returns void language plpgsql
  set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $body$
declare
  items jsonb;
begin
  if event = 'sql_drop' then
    select jsonb_agg(jsonb_build_object('oid', o.objid, 'subid', o.objsubid, 'type', o.object_type, 'schema', o.schema_name,
             'identity', o.object_identity, 'names', o.address_names, 'original', o.original))
      into items from pg_event_trigger_dropped_objects() o
     where not o.is_temporary and o.schema_name is distinct from 'pgmove' and o.object_type not in ('type', 'toast table', 'default value');
  elsif event = 'table_rewrite' then
    select jsonb_build_array(jsonb_build_object('oid', c.oid, 'type', 'table', 'schema', n.nspname, 'identity', format('%I.%I', n.nspname, c.relname),
             'names', jsonb_build_array(n.nspname, c.relname), 'reason', pg_event_trigger_table_rewrite_reason()))
      into items from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = pg_event_trigger_table_rewrite_oid() and c.relpersistence <> 't';
  else
    select jsonb_agg(jsonb_build_object('oid', o.objid, 'subid', o.objsubid, 'tag', o.command_tag, 'type', o.object_type, 'schema', o.schema_name,
             'identity', o.object_identity, 'extension', o.in_extension,
             'before', (select jsonb_build_array(r.schema_name, r.table_name) from pgmove.ddl_relation r where r.relation = o.objid and o.classid = 'pg_class'::regclass),
             'table', case when o.classid = 'pg_class'::regclass and o.object_type in ('table', 'table column') then pgmove.table_state(o.objid) end))
      into items from pg_event_trigger_ddl_commands() o
     where o.schema_name is distinct from 'pg_temp' and o.schema_name is distinct from 'pgmove';
  end if;
  if items is null then
    return;
  end if;
  if event = 'sql_drop' then
    delete from pgmove.ddl_relation where relation in (select o.objid from pg_event_trigger_dropped_objects() o where o.object_type = 'table');
  elsif event = 'ddl_command_end' then
    insert into pgmove.ddl_relation
      select distinct c.oid, n.nspname, c.relname from pg_event_trigger_ddl_commands() o join pg_class c on c.oid = o.objid join pg_namespace n on n.oid = c.relnamespace
       where o.classid = 'pg_class'::regclass and c.relkind in ('r', 'p') and c.relpersistence <> 't'
      on conflict (relation) do update set schema_name = excluded.schema_name, table_name = excluded.table_name;
  end if;
  insert into pgmove.ddl_log (session_role, active_role, search_path, event, tag, payload)
    values (session_user, active_role, path, event, tag, items::text);
end
$body$;
create function pgmove.log_ddl() returns event_trigger language plpgsql security definer as $body$
begin
  perform pgmove.record_ddl(tg_event, tg_tag, pg_catalog.current_schemas(false)::pg_catalog.text, pg_catalog.current_setting('role'));
exception when others then
  null;
end
$body$;
revoke all on function ${FUNCTIONS.map((name) => `pgmove.${name}`).join(', ')} from public;
${EVENTS.map(
  (event) =>
    `create event trigger pgmove_${event} on ${event} execute procedure pgmove.log_ddl(); alter event trigger pgmove_${event} enable always;`,
).join('\n')}`
}
