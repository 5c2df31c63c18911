-- The role with which pgmove reads a source: what the precheck asks for, and no more. For psql 11 or newer, connected to the source's
-- database as a superuser or as what a managed service has in its place (rds_superuser, cloudsqlsuperuser, azure_pg_admin). It may be
-- run again at any time, such as when tables have come.
--
--   psql -X -v role=pgmove_source -v schemas=app,sales -f source.sql URL                        for "types" without "incremental"
--   psql -X -v role=pgmove_source -v schemas=app,sales -v incremental=yes -f source.sql URL     for all types
--
--   role         made if it is not there, without a password: give it one by \password, or a client certificate. Default pgmove_source
--   schemas      the schemas that the migration selects, separated by commas. Default: all but PostgreSQL's own
--   incremental  default no
--   fence        yes if the cutover is to make the source read-only ("fence": "readOnly"). Default no
--
-- What it cannot give: event triggers, which "ddl": "capture" uses, can be made by superusers alone (by rds_superuser on RDS). Without them
-- "capture" behaves as "pause", and the precheck warns (ddl_capture).
--
-- What it does not give, since nothing depends on it: pg_read_all_stats, with which the precheck also sees since when transactions of others are open.
--
-- pg_hba.conf needs one line for both kinds of connections, since logical replication names its database: hostssl shop pgmove_source ADDRESS scram-sha-256
--
-- When the migration is over: drop owned by pgmove_source; drop role pgmove_source;

\set ON_ERROR_STOP on
\if :{?role} \else \set role pgmove_source
\endif
\if :{?incremental} \else \set incremental no
\endif
\if :{?fence} \else \set fence no
\endif
begin;
\if :{?schemas} \else
  select coalesce(string_agg(nspname, ','), '') as schemas from pg_namespace
   where nspname !~ '^pg_' and nspname not in ('information_schema', 'pgmove') \gset
\endif

select format('create role %I login', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
select format('grant connect on database %I to %I', current_database(), :'role') where not has_database_privilege(:'role', current_database(), 'connect') \gexec

\if :incremental
  -- Whoever adds a table to a publication, or sets its replica identity, must own it. Membership in the owners brings the right to read, too.
  -- Membership in a superuser would be as much as being one, by SET ROLE: such tables are named below instead.
  select distinct format('grant %I to %I', o.rolname, :'role')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
   where n.nspname = any (string_to_array(:'schemas', ',')) and c.relkind in ('r', 'p', 'S')
     and not o.rolsuper and o.rolname <> :'role' and not pg_has_role(:'role', o.oid, 'usage') \gexec
  select format('do $do$ begin raise warning %L, %L; end $do$',
                'tables of superusers, which pgmove can not publish: %. Give them to another role (alter table ... owner to ...) and run this again, or exclude them.',
                string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by n.nspname, c.relname))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
   where n.nspname = any (string_to_array(:'schemas', ',')) and c.relkind in ('r', 'p') and c.relpersistence = 'p' and o.rolsuper
  having count(*) > 0 \gexec
\endif
-- Reading: pg_dump locks the tables that it dumps, COPY reads them, and the values of sequences are read at the end. Only what the owners' membership has
-- not brought; whoever runs this must own it, or be a member of its owner, to grant it. pg_read_all_data (14 and newer) would do too, for every schema.
select format('grant usage on schema %I to %I', nspname, :'role') from pg_namespace
 where nspname = any (string_to_array(:'schemas', ',')) and not has_schema_privilege(:'role', oid, 'usage') \gexec
select format('grant select on %s to %I', string_agg(format('%I.%I', n.nspname, c.relname), ', '), :'role')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (string_to_array(:'schemas', ',')) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not has_table_privilege(:'role', c.oid, 'select')
 group by n.nspname \gexec
select format('grant select on large object %s to %I', m.oid, :'role') from pg_largeobject_metadata m
 where not exists (select from aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) as a
                    where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(:'role', a.grantee, 'usage'))) \gexec
-- Policies would hide rows: those of others' tables, and on tables with FORCE ROW LEVEL SECURITY the owner's own.
select format('do $do$ begin alter role %I bypassrls; exception when insufficient_privilege then raise warning %L; end $do$', :'role',
              'tables whose policies would hide rows from the role, and only a superuser can give it BYPASSRLS here: exclude them')
 where not (select rolbypassrls from pg_roles where rolname = :'role')
   and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = any (string_to_array(:'schemas', ',')) and c.relrowsecurity
                  and (c.relforcerowsecurity or not pg_has_role(:'role', c.relowner, 'usage'))) \gexec

\if :incremental
  -- The slot and the stream. RDS and Aurora have a role in the attribute's place; Cloud SQL and Azure let their administrators set the attribute.
  select case when exists (select from pg_roles where rolname = 'rds_replication') then format('grant rds_replication to %I', :'role')
              else format('alter role %I replication', :'role') end
    from pg_roles where rolname = :'role' and not rolreplication
     and not exists (select from pg_roles r where r.rolname = 'rds_replication' and pg_has_role(:'role', r.oid, 'usage')) \gexec
  -- The publication, and the schema pgmove with the heartbeat and the record of what is to be removed again.
  select format('grant create on database %I to %I', current_database(), :'role') where not has_database_privilege(:'role', current_database(), 'create') \gexec
\endif

\if :fence
  -- ALTER DATABASE ... SET is the owner's; sessions that began before are ended. Membership in an administrator would be too much.
  select format('grant %I to %I', o.rolname, :'role') from pg_database d join pg_roles o on o.oid = d.datdba
   where d.datname = current_database() and not o.rolsuper and o.rolname <> current_user and not pg_has_role(:'role', o.oid, 'usage') \gexec
  select format('do $do$ begin raise warning %L, %L; end $do$',
                'the database belongs to the administrator %: give it to another role (alter database ... owner to ...) and run this again.', o.rolname)
    from pg_database d join pg_roles o on o.oid = d.datdba where d.datname = current_database() and (o.rolsuper or o.rolname = current_user) \gexec
  select format('grant pg_signal_backend to %I', :'role') where not pg_has_role(:'role', 'pg_signal_backend', 'usage') \gexec
\endif
commit;
