import { setTimeout as pause } from 'node:timers/promises'
import { sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { escapePattern, patternExpression } from '../spec/name-pattern.ts'
import { forgetInstalled, installedByAnother, recordInstalled } from './installed.ts'
import type { InstalledBy } from './installed.ts'
import { changeSource, needsTruncateLog } from './source-schema.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
const EVENTS = ['ddl_command_end', 'sql_drop', 'table_rewrite'] as const
const FUNCTIONS = [
  'log_ddl()',
  'record_ddl(text, text, text, text)',
  'table_changes(oid[])',
  'table_states(oid[])',
  'type_state(oid)',
  'view_state(oid)',
  'object_state(oid, oid)',
  'described()',
  'keep_identity(jsonb)',
  'rename_installed(jsonb)',
  'publications_of(oid)',
  'publish_table(oid)',
  'root_of(oid)',
  'object_statement(oid, oid, text)',
  'access_changes(oid[])',
  'access_now(oid[])',
  'rights("char", oid, text)',
]
/** What a migration selects. */
export type TableSelection = Pick<MigrationSpec, 'objects' | 'exclude'>

/** The name under which pgmove.installed has the capture. */
const NAME = 'pgmove.ddl_log'
/** A command that has the dropped event triggers before it still calls their function: it reads them at its end, a moment before the call. */
const LAST_CALLS_MS = 100

/**
 * Makes event triggers that write every DDL command into the table `pgmove.ddl_log`: what it changed in the catalogue, never its text, which may hold
 * secrets and stands for several commands at once. A row belongs to the transaction of its command and stands in the change stream between the
 * changes before and after it (APPLY.md, §5). The user's command neither fails nor waits for it: what can't be recorded leaves a mark in the
 * sequence `pgmove.ddl_missed`, which survives a rollback (checkMissedDdl). A new table that a migration selects is published in the same transaction, before its
 * first row; one without a key, or a published one that loses it, gets replica identity FULL, so that its UPDATE and DELETE go on working.
 *
 * To be called when pgmove's schema is there, before the publication is made. Once made they serve all migrations of the database; recorded for
 * each that uses them. False, with nothing changed, if they are not there and the role may not create event triggers.
 */
export async function installDdlCapture(
  source: Database,
  by: InstalledBy,
  selection: TableSelection,
  signal: AbortSignal,
): Promise<boolean> {
  return changeSource(source, signal, async () => {
    if (!(await hasDdlLog(source))) {
      await source.query('savepoint ddl_capture')
      try {
        await source.query(captureObjects(source.version))
      } catch (error) {
        if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error
        await source.query('rollback to savepoint ddl_capture')
        return false
      }
    }
    await recordInstalled(source, by, 'ddl capture', NAME)
    await recordSelection(source, by.id, selection)
    return true
  })
}

/** Which new tables the triggers are to publish for the migration: as regular expressions, for nobody else reads patterns on the source. */
async function recordSelection(source: Database, id: string, { objects, exclude }: TableSelection): Promise<void> {
  const rows = [
    ...(objects ?? [{}]).map((entry) => ({ excluded: false, ...expressions(entry, false) })),
    ...exclude.map((entry) => ({ excluded: true, ...expressions(entry, true) })),
  ]
  await source.query('delete from pgmove.ddl_selection where id = $1', [id])
  await source.query(
    `insert into pgmove.ddl_selection (id, excluded, in_schema, named)
     select distinct $1, excluded, "schema", "table" from json_to_recordset($2::json) as x (excluded boolean, "schema" text, "table" text)`,
    [id, JSON.stringify(rows)],
  )
}

/** A schema of `objects` is a name, all else a pattern. */
function expressions(
  { schema, table }: { schema?: string; table?: string | undefined },
  pattern: boolean,
): { schema: string; table: string } {
  const all = '.*'
  return {
    schema: schema === undefined ? all : patternExpression(pattern ? schema : escapePattern(schema)),
    table: table === undefined ? all : patternExpression(table),
  }
}

/** Whether DDL of this database is captured. */
export async function hasDdlLog(source: Database): Promise<boolean> {
  return (await source.query(`select where to_regclass('pgmove.ddl_log') is not null`)).length > 0
}

/** Removes the capture unless another migration uses it. */
export async function dropDdlCapture(source: Database, id: string, signal: AbortSignal): Promise<void> {
  const found = await changeSource(source, signal, async () => {
    if (await installedByAnother(source, id, 'ddl capture', NAME)) {
      await source.query('delete from pgmove.ddl_selection where id = $1', [id])
      await forgetInstalled(source, id, 'ddl capture', NAME)
      return 'in use'
    }
    const [there] = await source.query(`select from pg_event_trigger where evtname = 'pgmove_ddl_command_end'`)
    await source.query(DROP_TRIGGERS)
    return there ? 'dropped' : 'gone'
  })
  if (found === 'in use') return
  if (found === 'dropped') await pause(LAST_CALLS_MS)
  await changeSource(source, signal, async () => {
    await source.query(DROP_THE_REST)
    await forgetInstalled(source, id, 'ddl capture', NAME)
  })
}

/** DDL on event triggers fires none. */
const DROP_TRIGGERS = EVENTS.map((event) => `drop event trigger if exists pgmove_${event}`).join('; ')
const DROP_THE_REST = [
  ...FUNCTIONS.map((name) => `drop function if exists pgmove.${name}`),
  'drop table if exists pgmove.ddl_log, pgmove.ddl_relation, pgmove.ddl_object, pgmove.ddl_sequence, pgmove.ddl_access, pgmove.ddl_selection',
  'drop sequence if exists pgmove.ddl_missed',
].join('; ')

/** What takes it all away by hand, also if nothing is there. */
export const DROP_DDL_CAPTURE = `${DROP_TRIGGERS}; ${DROP_THE_REST}`

/**
 * Fails if the capture has missed a command: what that did is in no stream and, if it rewrote rows, not in the catalogue either. Does nothing
 * where nothing is captured. The mark also stands if the command was rolled back.
 *
 * @throws MigrationError `UnsupportedDdl` until an operator has taken the mark away
 */
export async function checkMissedDdl(source: Database): Promise<void> {
  const [there] = await source.query<{ missed: string }>(`select (to_regclass('pgmove.ddl_missed') is not null)::text as missed`)
  if (there?.missed !== 'true') return
  const [row] = await source.query<{ called: string }>('select is_called::text as called from pgmove.ddl_missed')
  if (row?.called !== 'true') return
  const hint =
    `Make the definitions equal where they differ and have tables whose rows that command may have changed copied again. Then on the source: ` +
    `select setval('pgmove.ddl_missed', 1, false), and send the signal resume.`
  throw new MigrationError(
    'UnsupportedDdl',
    `On the source: a DDL command could not be recorded, for a lock or an error within the capture, so that pgmove does not know what it changed. pgmove waits. ${hint}`,
    { side: 'source', hint },
  )
}

/** Of the sequence `q`, as CREATE SEQUENCE takes them. */
const PARAMETERS = `format('as %s increment by %s minvalue %s maxvalue %s start with %s cache %s %s', format_type(q.seqtypid, null), q.seqincrement, q.seqmin, q.seqmax,
  q.seqstart, q.seqcache, case when q.seqcycle then 'cycle' else 'no cycle' end)`

/**
 * `ddl_relation` remembers each table's state: the events tell only the new one. `log_ddl` has no SET clause, which would hide the user's
 * search_path: it names everything in full and leaves the work to `record_ddl`, which has one. `lock_timeout` is for whoever locks the log.
 * A cancelled command stays cancelled: OTHERS does not hold that.
 */
function captureObjects(version: number): string {
  const missing = version >= 110000 ? `case when a.atthasmissing then (a.attmissingval::text::text[])[1] end` : 'null::text'
  // From 18 on UPDATE and DELETE would be refused under FULL too, unless such columns are published.
  const generates =
    version >= 180000
      ? `and not exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped and (a.attgenerated = 'v' or a.attgenerated = 's'
           and exists (select from pgmove.publications_of(c.oid) p join pg_publication q on q.pubname = p.name where q.pubgencols <> 's')))`
      : ''
  const logTruncate = needsTruncateLog(version)
    ? `execute format('create trigger %I before truncate on %s for each statement execute procedure pgmove.log_truncate(%L); alter table only %2$s enable always trigger %1$I',
                     'pgmove_truncate_' || found.id, label, found.id);
      insert into pgmove.installed (id, kind, name, relation, namespace_id, workflow_id, first_run_id)
        values (found.id, 'truncate trigger', label, made_oid, found.namespace_id, found.workflow_id, found.first_run_id) on conflict (id, kind, name) do nothing;`
    : ''
  const routines = version >= 110000 ? `p.prokind <> 'a'` : 'not p.proisagg'
  const ownParent = version >= 110000 ? 'k.conparentid = 0' : 'true'
  const generated = version >= 120000 ? 'a.attgenerated' : `''`
  return `
create sequence pgmove.ddl_missed;
create table pgmove.ddl_log (
  entry bigserial primary key,
  xid bigint not null default pg_catalog.txid_current(),
  at timestamptz not null default pg_catalog.clock_timestamp(),
  session_role text not null,
  active_role text not null,
  search_path text not null,
  event text not null,
  tag text not null,
  payload text not null,
  committed_by pg_lsn
);
create table pgmove.ddl_relation (
  relation oid primary key,
  state jsonb not null
);
create table pgmove.ddl_selection (
  id text not null,
  excluded boolean not null,
  in_schema text not null,
  named text not null,
  primary key (id, excluded, in_schema, named)
);
create function pgmove.table_states(relations oid[]) returns table (relation oid, state jsonb) language sql stable
  set search_path = pg_catalog, pg_temp set datestyle = iso set intervalstyle = postgres set timezone = 'UTC' set extra_float_digits = 3
  set bytea_output = hex as $body$
  select c.oid, jsonb_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'persistence', c.relpersistence, 'identity', c.relreplident,
    'options', to_jsonb(c.reloptions), 'rowSecurity', c.relrowsecurity, 'forcedRowSecurity', c.relforcerowsecurity, 'typed', c.reloftype <> 0, 'partition', c.relispartition, 'bound', pg_get_expr(c.relpartbound, c.oid),
    'key', case c.relkind when 'p' then pg_get_partkeydef(c.oid) end,
    'extension', exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e'),
    'parents', coalesce((
      select jsonb_agg(jsonb_build_object('oid', p.oid::bigint, 'schema', m.nspname, 'name', p.relname) order by h.inhseqno)
        from pg_inherits h join pg_class p on p.oid = h.inhparent join pg_namespace m on m.oid = p.relnamespace where h.inhrelid = c.oid), '[]'),
    'foreignKeys', coalesce((
      select jsonb_agg(jsonb_build_object('oid', k.oid::bigint, 'name', k.conname, 'definition', pg_get_constraintdef(k.oid),
               'comment', obj_description(k.oid, 'pg_constraint')) order by k.oid)
        from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and ${ownParent}), '[]'),
    'columns', coalesce((
      select jsonb_agg(jsonb_build_object('number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeOid', a.atttypid::bigint,
               'typmod', a.atttypmod, 'typeKind', t.typtype, 'builtIn', t.typnamespace = 'pg_catalog'::regnamespace,
               'collation', a.attcollation::bigint, 'collated', a.attcollation <> t.typcollation, 'notNull', a.attnotnull,
               'default', pg_get_expr(d.adbin, d.adrelid), 'hasMissing', ${version >= 110000 ? 'a.atthasmissing' : 'false'}, 'missing', ${missing},
               'computed', ${generated} <> '' or a.attidentity <> '', 'inherited', a.attinhcount > 0, 'local', a.attislocal, 'generated', ${generated}, 'always', a.attidentity,
               'storage', case when a.attstorage <> t.typstorage then a.attstorage end, 'typeStorage', t.typstorage, 'statistics', case when a.attstattarget >= 0 then a.attstattarget end,
               'options', to_jsonb(a.attoptions), 'compression', ${version >= 140000 ? "nullif(a.attcompression, '')" : 'null'},
               'collationName', (select format('%I.%I', m.nspname, l.collname) from pg_collation l join pg_namespace m on m.oid = l.collnamespace
                                  where l.oid = a.attcollation and a.attcollation <> t.typcollation),
               'sequence', case when a.attidentity <> '' then (
                 select jsonb_build_object('schema', m.nspname, 'name', s.relname, 'parameters', ${PARAMETERS})
                   from pg_depend o join pg_sequence q on q.seqrelid = o.objid join pg_class s on s.oid = o.objid join pg_namespace m on m.oid = s.relnamespace
                  where o.classid = 'pg_class'::regclass and o.refclassid = 'pg_class'::regclass and o.refobjid = c.oid and o.refobjsubid = a.attnum and o.deptype = 'i'
                  limit 1) end) order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
    'indexes', coalesce((
      select jsonb_agg(jsonb_build_object('oid', i.indexrelid::bigint, 'name', x.relname, 'definition', pg_get_indexdef(i.indexrelid), 'child', x.relispartition,
               'options', to_jsonb(x.reloptions), 'statistics', (
                 select jsonb_agg(jsonb_build_array(a.attnum, a.attstattarget) order by a.attnum) from pg_attribute a where a.attrelid = x.oid and a.attstattarget >= 0)) order by i.indexrelid)
        from pg_index i join pg_class x on x.oid = i.indexrelid
       where i.indrelid = c.oid and i.indisvalid
         and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))), '[]'),
    'constraints', coalesce((
      select jsonb_agg(jsonb_build_object('oid', k.oid::bigint, 'name', k.conname, 'type', k.contype, 'definition', pg_get_constraintdef(k.oid),
               'child', not k.conislocal or k.coninhcount > 0,
               'options', (select to_jsonb(x.reloptions) from pg_class x where x.oid = k.conindid and x.relam <> 0)) order by k.oid)
        from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'x', 'c')), '[]'),
    'toastOptions', (select to_jsonb(t.reloptions) from pg_class t where t.oid = c.reltoastrelid),
    'clusteredOn', (select x.relname from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisclustered),
    'identityIndex', (select x.relname from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisreplident and c.relreplident = 'i'),
    'triggers', coalesce((
      select jsonb_agg(jsonb_build_object('oid', g.oid::bigint, 'name', g.tgname, 'definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled) order by g.oid)
        from pg_trigger g join pg_proc f on f.oid = g.tgfoid where g.tgrelid = c.oid and not g.tgisinternal and f.pronamespace <> 'pgmove'::regnamespace ${version >= 130000 ? 'and g.tgparentid = 0' : ''}), '[]'),
    'rules', coalesce((
      select jsonb_agg(jsonb_build_object('oid', w.oid::bigint, 'name', w.rulename, 'definition', pg_get_ruledef(w.oid), 'enabled', w.ev_enabled) order by w.oid)
        from pg_rewrite w where w.ev_class = c.oid), '[]'),
    'statistics', coalesce((
      select jsonb_agg(jsonb_build_object('oid', e.oid::bigint, 'schema', m.nspname, 'name', e.stxname, 'definition', pg_get_statisticsobjdef(e.oid),
               'target', ${version >= 130000 ? 'case when e.stxstattarget >= 0 then e.stxstattarget end' : 'null'}) order by e.oid)
        from pg_statistic_ext e join pg_namespace m on m.oid = e.stxnamespace where e.stxrelid = c.oid), '[]'))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any (relations)
$body$;
insert into pgmove.ddl_relation
  select relation, state from pgmove.table_states(array(
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')));
create function pgmove.table_changes(relations oid[]) returns jsonb language plpgsql
  set search_path = pg_catalog, pg_temp as $body$
declare
  changes jsonb;
begin
  with recursive family as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = any (relations) and c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname <> 'pgmove'
    union
    select i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid join pg_class c on c.oid = i.inhrelid where c.relkind in ('r', 'p')
  )
  select jsonb_agg(jsonb_build_object('oid', s.relation::bigint, 'before', r.state, 'after', s.state) order by s.relation)
    into changes from pgmove.table_states(array(select oid from family)) s left join pgmove.ddl_relation r using (relation);
  if changes is not null then
    insert into pgmove.ddl_relation
      select (c ->> 'oid')::bigint::oid, c -> 'after' from jsonb_array_elements(changes) c
      on conflict (relation) do update set state = excluded.state where ddl_relation.state <> excluded.state;
  end if;
  return coalesce(changes, '[]');
end
$body$;
create function pgmove.publications_of(relation oid) returns setof pgmove.installed language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  with recursive above (oid) as (
    select relation union select i.inhparent from above a join pg_class c on c.oid = a.oid and c.relispartition join pg_inherits i on i.inhrelid = a.oid)
  select p.* from pgmove.installed p join pg_publication q on q.pubname = p.name join pg_publication_rel r on r.prpubid = q.oid
   where p.kind = 'publication' and r.prrelid in (select oid from above)
$body$;
create function pgmove.keep_identity(changes jsonb) returns void language plpgsql
  set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $body$
declare
  found record;
begin
  for found in
    select c.oid, c.relreplident, format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) as label
      from jsonb_array_elements(changes) x join pg_class c on c.oid = (x ->> 'oid')::bigint::oid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 'p' ${generates}
       and (c.relreplident = 'n'
         or c.relreplident = 'd' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
         or c.relreplident = 'i' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisreplident))
       and exists (select from pgmove.publications_of(c.oid))
  loop
    execute 'alter table only ' || found.label || ' replica identity full';
    insert into pgmove.installed (id, kind, name, previous, relation, namespace_id, workflow_id, first_run_id)
      select p.id, 'replica identity', found.label, case found.relreplident when 'd' then 'd' else 'n' end, found.oid, p.namespace_id, p.workflow_id, p.first_run_id
        from pgmove.publications_of(found.oid) p
      on conflict (id, kind, name) do nothing;
  end loop;
exception when others then
  null;
end
$body$;
create function pgmove.rename_installed(changes jsonb) returns void language plpgsql
  set search_path = pg_catalog, pg_temp as $body$
begin
  update pgmove.installed i set name = x.label
    from (select (c ->> 'oid')::bigint::oid as oid,
                 format('"%s"."%s"', replace(c -> 'after' ->> 'schema', '"', '""'), replace(c -> 'after' ->> 'name', '"', '""')) as label
            from jsonb_array_elements(changes) c) x
   where i.relation = x.oid and i.name <> x.label;
exception when unique_violation then
  null;
end
$body$;
create function pgmove.root_of(made_oid oid) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  with recursive above (oid, depth) as (
    select made_oid, 0
    union all
    select i.inhparent, a.depth + 1 from above a join pg_class p on p.oid = a.oid and p.relispartition join pg_inherits i on i.inhrelid = a.oid
  ) select jsonb_build_object('schema', n.nspname, 'name', t.relname)
      from above a join pg_class t on t.oid = a.oid join pg_namespace n on n.oid = t.relnamespace order by a.depth desc limit 1
$body$;
create function pgmove.publish_table(made_oid oid) returns void language plpgsql
  set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $body$
declare
  made record;
  found record;
  label text;
  root jsonb;
begin
  select t.oid, t.relname, n.nspname, t.relkind, t.relpersistence, t.relispartition, t.relreplident into made
    from pg_class t join pg_namespace n on n.oid = t.relnamespace where t.oid = made_oid;
  if made.relkind <> 'r' or made.relpersistence <> 'p' or made.nspname ~ '^pg_' or made.nspname in ('information_schema', 'pgmove')
     or exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = made_oid and e.deptype = 'e') then
    return;
  end if;
  label := format('"%s"."%s"', replace(made.nspname, '"', '""'), replace(made.relname, '"', '""'));
  root := pgmove.root_of(made_oid);
  for found in
    select p.* from pgmove.installed p join pg_publication q on q.pubname = p.name
     where p.kind = 'publication' and p.id not in (select o.id from pgmove.publications_of(made_oid) o)
       and exists (select from pgmove.ddl_selection s where s.id = p.id and not s.excluded and (root ->> 'schema') ~ ('^(?:' || s.in_schema || ')$') and (root ->> 'name') ~ ('^(?:' || s.named || ')$'))
       and not exists (select from pgmove.ddl_selection s where s.id = p.id and s.excluded and (root ->> 'schema') ~ ('^(?:' || s.in_schema || ')$') and (root ->> 'name') ~ ('^(?:' || s.named || ')$'))
  loop
    begin
      perform set_config('pgmove.own', 'on', true);
      execute format('alter publication %I add table only %s', found.name, label);
      ${logTruncate}
      if made.relreplident = 'n'
         or made.relreplident = 'd' and not exists (select from pg_index i where i.indrelid = made_oid and i.indisprimary)
         or made.relreplident = 'i' and not exists (select from pg_index i where i.indrelid = made_oid and i.indisreplident) then
        if not exists (select from pg_class c where c.oid = made_oid ${generates}) then
          raise 'UPDATE and DELETE would be refused';
        end if;
        execute 'alter table only ' || label || ' replica identity full';
        insert into pgmove.installed (id, kind, name, previous, relation, namespace_id, workflow_id, first_run_id)
          values (found.id, 'replica identity', label, case made.relreplident when 'd' then 'd' else 'n' end, made_oid, found.namespace_id, found.workflow_id, found.first_run_id)
          on conflict (id, kind, name) do nothing;
      end if;
      perform set_config('pgmove.own', '', true);
    exception when others then
      null;
    end;
  end loop;
end
$body$;
create table pgmove.ddl_object (
  classid oid,
  objid oid,
  identity text not null,
  state jsonb,
  primary key (classid, objid)
);
create function pgmove.type_state(type oid) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  select case t.typtype
    when 'd' then jsonb_build_object('default', t.typdefault, 'notNull', t.typnotnull, 'constraints', coalesce((
      select jsonb_agg(jsonb_build_object('oid', k.oid::bigint, 'name', k.conname, 'definition', pg_get_constraintdef(k.oid)) order by k.oid)
        from pg_constraint k where k.contypid = t.oid and k.contype = 'c'), '[]'))
    when 'c' then jsonb_build_object('attributes', coalesce((
      select jsonb_agg(jsonb_build_object('number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)
               || coalesce((select format(' collate %I.%I', n.nspname, l.collname) from pg_type b join pg_collation l on l.oid = a.attcollation
                              join pg_namespace n on n.oid = l.collnamespace where b.oid = a.atttypid and b.typcollation <> a.attcollation), '')) order by a.attnum)
        from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '[]'))
    end
    from pg_type t where t.oid = type
$body$;
create function pgmove.view_state(view oid) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  select jsonb_build_object('options', to_jsonb(c.reloptions), 'clusteredOn', (
      select x.relname from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisclustered),
    'columns', coalesce((
      select jsonb_agg(jsonb_build_object('number', a.attnum, 'name', a.attname, 'default', pg_get_expr(d.adbin, d.adrelid),
               'statistics', case when a.attstattarget >= 0 then a.attstattarget end) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0), '[]'),
    'indexes', coalesce((
      select jsonb_agg(jsonb_build_object('oid', i.indexrelid::bigint, 'name', x.relname, 'definition', pg_get_indexdef(i.indexrelid), 'options', to_jsonb(x.reloptions)) order by i.indexrelid)
        from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisvalid), '[]'))
    from pg_class c where c.oid = view and c.relkind in ('v', 'm')
$body$;
create function pgmove.object_state(class oid, object oid) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  select case class when 'pg_type'::regclass then pgmove.type_state(object) when 'pg_class'::regclass then pgmove.view_state(object) end
$body$;
-- What describes an object that is a part of another one.
create function pgmove.described() returns table (classid oid, objid oid, by_class oid, by_object oid, type text, identity text) language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  select x.classid, x.objid, x.by_class, x.by_object, i.type, i.identity
    from (select d.classid, d.objid, 'pg_type'::regclass::oid as by_class, c.reltype as by_object
            from pg_event_trigger_ddl_commands() d join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relkind = 'c'
          union
          select d.classid, d.objid, 'pg_type'::regclass, k.contypid
            from pg_event_trigger_ddl_commands() d join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.contypid <> 0
          union
          select d.classid, d.objid, d.classid, c.oid
            from pg_event_trigger_ddl_commands() d left join pg_index i on i.indexrelid = d.objid
            join pg_class c on c.oid = coalesce(i.indrelid, case when d.objsubid <> 0 then d.objid end) and c.relkind in ('v', 'm')
           where d.classid = 'pg_class'::regclass) x, pg_identify_object(x.by_class, x.by_object, 0) i
$body$;
insert into pgmove.ddl_object
  select c.tableoid, c.oid, i.identity, pgmove.view_state(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_identify_object(c.tableoid, c.oid, 0) i
   where c.relkind in ('v', 'm') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  union all
  select p.tableoid, p.oid, i.identity, null from pg_proc p join pg_namespace n on n.oid = p.pronamespace, pg_identify_object(p.tableoid, p.oid, 0) i
   where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  union all
  select t.tableoid, t.oid, i.identity, pgmove.type_state(t.oid) from pg_type t join pg_namespace n on n.oid = t.typnamespace, pg_identify_object(t.tableoid, t.oid, 0) i
   where (t.typtype in ('d', 'e', 'r') or t.typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c')) and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  union all
  select n.tableoid, n.oid, quote_ident(n.nspname), null from pg_namespace n where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
  union all
  select p.tableoid, p.oid, i.identity, null from pg_policy p, pg_identify_object(p.tableoid, p.oid, 0) i;
create table pgmove.ddl_sequence (
  relation oid primary key,
  name jsonb not null
);
insert into pgmove.ddl_sequence
  select s.oid, jsonb_build_object('schema', n.nspname, 'name', s.relname) from pg_class s join pg_namespace n on n.oid = s.relnamespace
   where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove');
create table pgmove.ddl_access (
  classid oid,
  objid oid,
  subid int,
  kind "char" not null,
  owner oid not null,
  acl text,
  primary key (classid, objid, subid)
);
create function pgmove.access_now(objects oid[]) returns setof pgmove.ddl_access language plpgsql stable
  set search_path = pg_catalog, pg_temp as $body$
declare
  -- Planned for one of both: all objects, or a few by their OIDs.
  wanted text := case when objects is null then '' else ' and x.oid = any ($1)' end;
  named text := $q$ in (select oid from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'pgmove'))$q$;
begin
  return query execute $q$
    select x.tableoid, x.oid, 0, (case x.relkind when 'S' then 's' else 'r' end)::"char", x.relowner, x.relacl::text from pg_class x
     where x.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and x.relpersistence <> 't' and x.relnamespace$q$ || named || wanted || $q$
    union all
    select x.tableoid, x.oid, a.attnum::int, 'c'::"char", x.relowner, a.attacl::text from pg_class x join pg_attribute a on a.attrelid = x.oid
     where x.relpersistence <> 't' and a.attnum > 0 and not a.attisdropped
       and (a.attacl is not null or (a.attrelid, a.attnum) in (select d.objid, d.subid from pgmove.ddl_access d where d.subid > 0)) and x.relnamespace$q$ || named || wanted || $q$
    union all
    select x.tableoid, x.oid, 0, 'f'::"char", x.proowner, x.proacl::text from pg_proc x where x.pronamespace$q$ || named || wanted || $q$
    union all
    select x.tableoid, x.oid, 0, 'T'::"char", x.typowner, x.typacl::text from pg_type x
     where (x.typtype in ('d', 'e', 'r') or x.typtype = 'c' and exists (select from pg_class c where c.oid = x.typrelid and c.relkind = 'c')) and x.typnamespace$q$ || named || wanted || $q$
    union all
    select x.tableoid, x.oid, 0, 'n'::"char", x.nspowner, x.nspacl::text from pg_namespace x where x.oid$q$ || named || wanted using objects;
end
$body$;
insert into pgmove.ddl_access select * from pgmove.access_now(null);
create function pgmove.rights(kind "char", owner oid, acl text) returns jsonb language sql stable
  set search_path = pg_catalog, pg_temp as $body$
  select coalesce(jsonb_agg(jsonb_build_object('to', case x.grantee when owner then '' when 0 then null else pg_get_userbyid(x.grantee) end,
           'by', case when x.grantor <> owner then pg_get_userbyid(x.grantor) else '' end, 'right', x.privilege_type, 'option', x.is_grantable)), '[]')
    from aclexplode(coalesce(acl::aclitem[], acldefault(kind, owner))) x where not (kind = 'c' and acl is null)
$body$;
create function pgmove.access_changes(objects oid[]) returns jsonb language plpgsql
  set search_path = pg_catalog, pg_temp as $body$
declare
  changes jsonb;
begin
  select jsonb_agg(jsonb_build_object('type', i.type, 'identity', i.identity, 'names', case when now.kind = 'T' then (select jsonb_build_array(n.nspname, t.typname) from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid = now.objid)
             else to_jsonb(a.object_names) end,
           'column', case when now.subid > 0 then (select attname from pg_attribute where attrelid = now.objid and attnum = now.subid) end,
           'owned', exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = now.objid and now.kind = 's' and d.deptype in ('a', 'i')),
           'made', d.objid is null and now.subid = 0,
           'ownerBefore', pg_get_userbyid(d.owner), 'owner', pg_get_userbyid(now.owner),
           'before', case when now.kind = 'c' or d.objid is not null then pgmove.rights(now.kind, coalesce(d.owner, now.owner), d.acl) else pgmove.rights(now.kind, now.owner, null) end,
           'after', pgmove.rights(now.kind, now.owner, now.acl)) order by now.classid, now.objid, now.subid)
    into changes
    from pgmove.access_now(objects) now left join pgmove.ddl_access d using (classid, objid, subid),
         pg_identify_object(now.classid, now.objid, 0) i, pg_identify_object_as_address(now.classid, now.objid, 0) a
   where d.objid is null or d.owner <> now.owner or d.acl is distinct from now.acl;
  if changes is not null then
    -- Others' rows are not even locked.
    insert into pgmove.ddl_access
      select now.* from pgmove.access_now(objects) now left join pgmove.ddl_access d using (classid, objid, subid)
       where d.objid is null or d.owner <> now.owner or d.acl is distinct from now.acl
      on conflict (classid, objid, subid) do update set owner = excluded.owner, acl = excluded.acl;
  end if;
  return coalesce(changes, '[]');
end
$body$;
create function pgmove.object_statement(class oid, object oid, identity text) returns text language plpgsql stable
  set search_path = pg_catalog, pg_temp as $body$
declare
  found record;
begin
  if class = 'pg_namespace'::regclass then
    return 'create schema if not exists ' || identity;
  elsif class = 'pg_extension'::regclass then
    return (select format('create extension if not exists %s with schema %I', identity, n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.oid = object);
  elsif class = 'pg_proc'::regclass then
    select p.oid into found from pg_proc p where p.oid = object and ${routines};
    return case when found.oid is not null then pg_get_functiondef(object) end;
  elsif class = 'pg_trigger'::regclass then
    return pg_get_triggerdef(object) || coalesce('; comment on trigger ' || identity || ' is ' || quote_literal(obj_description(object, 'pg_trigger')), '');
  elsif class = 'pg_rewrite'::regclass then
    return rtrim(pg_get_ruledef(object), '; ') || coalesce('; comment on rule ' || identity || ' is ' || quote_literal(obj_description(object, 'pg_rewrite')), '');
  elsif class = 'pg_policy'::regclass then
    select p.* into found from pg_policy p where p.oid = object;
    return format('create policy %I on %s as %s for %s to %s', found.polname,
             (select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = found.polrelid),
             case when found.polpermissive then 'permissive' else 'restrictive' end,
             case found.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
             (select string_agg(case r.role when 0 then 'public' else quote_ident(pg_get_userbyid(r.role)) end, ', ') from unnest(found.polroles) r (role)))
      || coalesce(' using (' || pg_get_expr(found.polqual, found.polrelid) || ')', '')
      || coalesce(' with check (' || pg_get_expr(found.polwithcheck, found.polrelid) || ')', '')
      || coalesce('; comment on policy ' || identity || ' is ' || quote_literal(obj_description(object, 'pg_policy')), '');
  elsif class = 'pg_type'::regclass then
    select t.* into found from pg_type t where t.oid = object;
    if found.typtype = 'e' then
      return 'create type ' || identity || ' as enum (' || coalesce((select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = object), '') || ')';
    elsif found.typtype = 'd' then
      return 'create domain ' || identity || ' as ' || format_type(found.typbasetype, found.typtypmod)
        || coalesce((select format(' collate %I.%I', n.nspname, l.collname) from pg_type b join pg_collation l on l.oid = found.typcollation
                       join pg_namespace n on n.oid = l.collnamespace where b.oid = found.typbasetype and b.typcollation <> found.typcollation), '')
        || coalesce(' default ' || found.typdefault, '') || case when found.typnotnull then ' not null' else '' end
        || coalesce((select string_agg(format(' constraint %I %s', k.conname, pg_get_constraintdef(k.oid)), '' order by k.conname) from pg_constraint k
                      where k.contypid = object and k.contype = 'c'), '');
    elsif found.typtype = 'c' then
      return 'create type ' || identity || ' as (' || coalesce((select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                 || coalesce((select format(' collate %I.%I', n.nspname, l.collname) from pg_type b join pg_collation l on l.oid = a.attcollation
                                join pg_namespace n on n.oid = l.collnamespace where b.oid = a.atttypid and b.typcollation <> a.attcollation), ''), ', ' order by a.attnum)
               from pg_attribute a where a.attrelid = found.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')';
    end if;
  elsif class = 'pg_class'::regclass then
    select c.* into found from pg_class c where c.oid = object;
    if found.relkind in ('v', 'm') then
      return case found.relkind when 'v' then 'create or replace view ' else 'create materialized view ' end || identity
        || coalesce(' with (' || array_to_string(found.reloptions, ', ') || ')', '') || ' as ' || rtrim(pg_get_viewdef(object), '; ')
        || case found.relkind when 'm' then ' with no data' else '' end;
    end if;
  end if;
  return null;
end
$body$;
create function pgmove.record_ddl(event text, tag text, path text, active_role text) returns void language plpgsql
  set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $body$
declare
  items jsonb;
  tables jsonb;
  enums jsonb;
  sequences jsonb;
  objects jsonb;
  access jsonb;
begin
  if event = 'sql_drop' then
    select jsonb_agg(jsonb_build_object('oid', o.objid::bigint, 'subid', o.objsubid, 'type', o.object_type, 'schema', o.schema_name,
             'identity', o.object_identity, 'names', o.address_names, 'original', o.original))
      into items from pg_event_trigger_dropped_objects() o
     where not o.is_temporary and o.schema_name is distinct from 'pgmove' and o.object_type <> 'toast table';
    tables := pgmove.table_changes(array(
      select distinct c.oid
        from pg_event_trigger_dropped_objects() o join pg_namespace n on n.nspname = o.address_names[1]
        join pg_class c on c.relnamespace = n.oid and c.relname = o.address_names[2]
       where not o.is_temporary and o.object_type in ('table column', 'default value', 'table constraint')
      union
      select r.relation
        from pg_event_trigger_dropped_objects() o
        join pgmove.ddl_relation r on r.state -> case o.object_type when 'index' then 'indexes' else 'statistics' end @> jsonb_build_array(jsonb_build_object('oid', o.objid::bigint))
       where o.object_type in ('index', 'statistics object')));
    delete from pgmove.ddl_object d using pg_event_trigger_dropped_objects() o where d.classid = o.classid and d.objid = o.objid;
    delete from pgmove.ddl_access d using pg_event_trigger_dropped_objects() o where d.classid = o.classid and d.objid = o.objid and d.subid in (0, o.objsubid);
    delete from pgmove.ddl_sequence where relation in (select o.objid from pg_event_trigger_dropped_objects() o where o.object_type = 'sequence');
    delete from pgmove.ddl_relation where relation in (select o.objid from pg_event_trigger_dropped_objects() o where o.object_type = 'table');
    delete from pgmove.installed where relation in (select o.objid from pg_event_trigger_dropped_objects() o where o.object_type = 'table');
  elsif event = 'table_rewrite' then
    select jsonb_build_array(jsonb_build_object('oid', c.oid::bigint, 'type', 'table', 'schema', n.nspname, 'identity', format('%I.%I', n.nspname, c.relname),
             'names', jsonb_build_array(n.nspname, c.relname), 'reason', pg_event_trigger_table_rewrite_reason()))
      into items from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = pg_event_trigger_table_rewrite_oid() and c.relpersistence <> 't';
  else
    select jsonb_agg(jsonb_build_object('oid', o.objid::bigint, 'subid', o.objsubid, 'tag', o.command_tag, 'type', o.object_type, 'schema', o.schema_name,
             'identity', o.object_identity, 'extension', o.in_extension))
      into items from pg_event_trigger_ddl_commands() o
     where o.schema_name is distinct from 'pg_temp' and o.schema_name is distinct from 'pgmove';
    tables := pgmove.table_changes(array(
      select distinct c.oid
        from pg_event_trigger_ddl_commands() o
        left join pg_index i on o.classid = 'pg_class'::regclass and i.indexrelid = o.objid
        left join pg_constraint k on o.classid = 'pg_constraint'::regclass and k.oid = o.objid
        left join pg_trigger g on o.classid = 'pg_trigger'::regclass and g.oid = o.objid
        left join pg_rewrite w on o.classid = 'pg_rewrite'::regclass and w.oid = o.objid
        left join pg_statistic_ext e on o.classid = 'pg_statistic_ext'::regclass and e.oid = o.objid
        left join pg_depend q on o.classid = 'pg_class'::regclass and q.classid = o.classid and q.objid = o.objid and q.refclassid = o.classid and q.deptype = 'i'
        join pg_class c on (o.classid = 'pg_class'::regclass and c.oid = o.objid) or c.oid in (i.indrelid, k.conrelid, g.tgrelid, w.ev_class, e.stxrelid, q.refobjid)
          or (o.classid = 'pg_namespace'::regclass and c.relnamespace = o.objid)
       where o.schema_name is distinct from 'pg_temp'));
    perform pgmove.rename_installed(tables);
    perform pgmove.publish_table((c ->> 'oid')::bigint::oid) from jsonb_array_elements(tables) c
      where jsonb_typeof(c -> 'before') = 'null' or c -> 'before' -> 'schema' <> c -> 'after' -> 'schema' or c -> 'before' -> 'name' <> c -> 'after' -> 'name'
        or c -> 'before' -> 'partition' <> c -> 'after' -> 'partition';
    select jsonb_agg(c || jsonb_build_object('root', pgmove.root_of((c ->> 'oid')::bigint::oid), 'published', (select coalesce(jsonb_agg(p.id), '[]') from pgmove.publications_of((c ->> 'oid')::bigint::oid) p)))
      into tables from jsonb_array_elements(tables) c;
    select jsonb_agg(jsonb_build_object('type', case o.object_type when 'composite type' then 'type' when 'domain' then 'type' else o.object_type end, 'tag', o.command_tag,
             'schema', coalesce(o.schema_name, case when array_length(a.object_names, 1) = 3 then a.object_names[1] end),
             'identity', o.object_identity, 'extension', o.in_extension, 'comment', o.command_tag = 'COMMENT',
             'table', case when o.object_type ~ '^(table|view|materialized view) (column|constraint)$' or o.object_type in ('trigger', 'rule', 'policy') then a.object_names[2]
                           when o.object_type = 'table' then a.object_names[2] end,
             'name', case when o.classid = 'pg_type'::regclass then (select t.typname::text from pg_type t where t.oid = o.objid) when o.object_type = 'schema' then a.object_names[1] when array_length(a.object_names, 1) = 3 then a.object_names[3] when o.object_type = 'table' then null else a.object_names[2] end,
             'address', jsonb_build_object('names', a.object_names, 'args', a.object_args),
             'before', (select b.identity from pgmove.ddl_object b where b.classid = o.classid and b.objid = o.objid),
             'stateBefore', (select b.state from pgmove.ddl_object b where b.classid = o.classid and b.objid = o.objid),
             'state', pgmove.object_state(o.classid, o.objid),
             'statement', case when o.command_tag = 'ALTER EXTENSION' then null when o.command_tag <> 'COMMENT' then pgmove.object_statement(o.classid, o.objid, o.object_identity)
                else format('comment on %s %s is %L', case when o.object_type ~ ' column$' then 'column' when o.object_type ~ ' constraint$' then 'constraint'
                       when o.object_type = 'composite type' then 'type' when o.object_type = 'statistics object' then 'statistics'
                       when o.object_type = 'foreign-data wrapper' then 'foreign data wrapper' else o.object_type end,
                       case when o.object_type = 'domain constraint'
                            then (select format('%I on domain %s', k.conname, format_type(k.contypid, null)) from pg_constraint k where k.oid = o.objid)
                            else o.object_identity end,
                       case when o.objsubid <> 0 then col_description(o.objid, o.objsubid) else obj_description(o.objid, o.classid::regclass::text) end) end)
             order by o.ordinality)
      into objects
      from (select x.by_class as classid, x.by_object as objid, 0 as objsubid, d.command_tag, x.type as object_type, d.schema_name,
                   x.identity as object_identity, d.in_extension, row_number() over () as ordinality
              from pg_event_trigger_ddl_commands() d join pgmove.described() x on x.classid = d.classid and x.objid = d.objid
             where d.command_tag <> 'COMMENT' and d.schema_name is distinct from 'pg_temp' and d.schema_name is distinct from 'pgmove'
            union all
            select d.classid, d.objid, d.objsubid, d.command_tag, d.object_type, d.schema_name, d.object_identity, d.in_extension, row_number() over ()
              from pg_event_trigger_ddl_commands() d
             where d.objid is not null and d.objid <> 0 and d.schema_name is distinct from 'pg_temp' and d.schema_name is distinct from 'pgmove'
               and (d.command_tag = 'COMMENT' or (d.classid, d.objid) not in (select x.classid, x.objid from pgmove.described() x where x.by_object <> d.objid or d.objsubid <> 0))) o
      left join lateral pg_identify_object_as_address(o.classid, o.objid, o.objsubid) a on true
     where o.command_tag = 'COMMENT' or o.object_type not in ('table', 'index', 'sequence', 'table column', 'table constraint', 'publication relation', 'publication');
    insert into pgmove.ddl_object
      select distinct on (o.classid, o.objid) o.classid, o.objid, o.object_identity, pgmove.object_state(o.classid, o.objid)
        from (select d.classid, d.objid, d.objsubid, d.object_type, d.object_identity, d.schema_name from pg_event_trigger_ddl_commands() d
              union all
              select x.by_class, x.by_object, 0, x.type, x.identity, d.schema_name
                from pg_event_trigger_ddl_commands() d join pgmove.described() x on x.classid = d.classid and x.objid = d.objid) o
       where o.objsubid = 0 and o.object_type in ('view', 'materialized view', 'function', 'procedure', 'type', 'composite type', 'schema', 'policy')
         and (o.object_type <> 'composite type' or o.classid = 'pg_type'::regclass)
         and o.schema_name is distinct from 'pg_temp' and o.schema_name is distinct from 'pgmove'
      on conflict (classid, objid) do update set identity = excluded.identity, state = excluded.state
        where (ddl_object.identity, ddl_object.state) is distinct from (excluded.identity, excluded.state);
    -- What is in a renamed schema, takes a renamed type or belongs to a renamed table is called otherwise too.
    update pgmove.ddl_object d set identity = (pg_identify_object(d.classid, d.objid, 0)).identity
     where (tag in ('ALTER SCHEMA', 'ALTER TYPE', 'ALTER DOMAIN')
         or d.classid = 'pg_policy'::regclass and d.objid in (
              select p.oid from pg_policy p where p.polrelid in (select o.objid from pg_event_trigger_ddl_commands() o where o.classid = 'pg_class'::regclass)))
       and d.identity <> (pg_identify_object(d.classid, d.objid, 0)).identity;
    select jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', s.relname, 'parameters', ${PARAMETERS}, 'unlogged', s.relpersistence = 'u',
             'before', (select d.name from pgmove.ddl_sequence d where d.relation = s.oid),
             'owner', (select jsonb_build_object('schema', m.nspname, 'name', t.relname, 'column', a.attname)
                         from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace m on m.oid = t.relnamespace
                         join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
                        where d.classid = 'pg_class'::regclass and d.objid = s.oid and d.refclassid = 'pg_class'::regclass and d.deptype = 'a' limit 1)))
      into sequences
      from pg_class s join pg_namespace n on n.oid = s.relnamespace join pg_sequence q on q.seqrelid = s.oid
     where s.relpersistence <> 't' and s.oid in (select o.objid from pg_event_trigger_ddl_commands() o where o.classid = 'pg_class'::regclass)
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = s.oid and d.deptype in ('i', 'e'));
    insert into pgmove.ddl_sequence
      select s.oid, jsonb_build_object('schema', n.nspname, 'name', s.relname) from pg_class s join pg_namespace n on n.oid = s.relnamespace
       where s.relkind = 'S' and s.relpersistence <> 't' and s.oid in (select o.objid from pg_event_trigger_ddl_commands() o where o.classid = 'pg_class'::regclass)
      on conflict (relation) do update set name = excluded.name where ddl_sequence.name <> excluded.name;
    select jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', t.typname,
             'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)))
      into enums from pg_type t join pg_namespace n on n.oid = t.typnamespace
     where t.typtype = 'e' and t.oid in (select o.objid from pg_event_trigger_ddl_commands() o where o.classid = 'pg_type'::regclass);
  end if;
  if event = 'ddl_command_end' then
    access := pgmove.access_changes(case when tag in ('GRANT', 'REVOKE', 'REASSIGN OWNED', 'DROP OWNED', 'ALTER DEFAULT PRIVILEGES') then null
      else array(select o.objid from pg_event_trigger_ddl_commands() o where o.objid is not null) end);
  end if;
  if items is not null then
    insert into pgmove.ddl_log (session_role, active_role, search_path, event, tag, payload)
      values (session_user, active_role, path, event, tag, jsonb_build_object('items', items, 'tables', coalesce(tables, '[]'), 'enums', coalesce(enums, '[]'),
        'sequences', coalesce(sequences, '[]'), 'objects', coalesce(objects, '[]'), 'access', coalesce(access, '[]'))::text);
  end if;
  if tables is not null then
    perform pgmove.keep_identity(tables);
  end if;
end
$body$;
create function pgmove.log_ddl() returns event_trigger language plpgsql security definer as $body$
begin
  if pg_catalog.current_setting('pgmove.own', true) = 'on' then
    return;
  end if;
  perform pgmove.record_ddl(tg_event, tg_tag, pg_catalog.current_schemas(false)::pg_catalog.text, pg_catalog.current_setting('role'));
exception when others then
  begin
    perform pg_catalog.nextval('pgmove.ddl_missed');
  exception when others then
    null;
  end;
end
$body$;
revoke all on function ${FUNCTIONS.map((name) => `pgmove.${name}`).join(', ')} from public;
${EVENTS.map(
  (event) =>
    `create event trigger pgmove_${event} on ${event} execute procedure pgmove.log_ddl(); alter event trigger pgmove_${event} enable always;`,
).join('\n')}`
}
