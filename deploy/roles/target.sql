-- The role with which pgmove fills a target: never a superuser. For psql 11 or newer, connected to the target's database as a superuser
-- or as what a managed service has in its place. It may be run again at any time.
--
--   psql -X -v role=pgmove_target -v owners=app_owner,report_owner -f target.sql URL
--
--   role     made if it is not there, without a password: give it one by \password, or a client certificate. Default pgmove_target
--   owners   the roles, separated by commas, that are to own objects as on the source (or as "roles.map" calls them). They must be there:
--            pgmove makes no roles. Objects of others belong to the role itself, and the report names them. Default: none but the owners of the tables
--            that stand in the schemas
--   schemas  the schemas that the migration fills, separated by commas, under their names on the target. Default: those that are there
--   create   no if the role is not to create schemas: those of `schemas`, and pgmove, are made here. Default yes
--   replica  yes: on 15 and newer the role may also set session_replication_role, so that foreign keys of tables that are there need not be
--            taken away until the cutover. Default no
--
-- What it cannot give: extensions that are not trusted (before 13: all), functions in untrusted languages, base types and the like need a superuser. Make them ahead;
-- the precheck names them (extensions, superuser_objects). Settings, owner and connection limit of the database belong to its owner; the report names what differs.
--
-- When the migration is over, in this order: drop schema pgmove cascade; reassign owned by pgmove_target to NEW_OWNER; drop owned by pgmove_target; drop role pgmove_target;

\set ON_ERROR_STOP on
\if :{?role} \else \set role pgmove_target
\endif
\if :{?owners} \else \set owners ''
\endif
\if :{?create} \else \set create yes
\endif
\if :{?replica} \else \set replica no
\endif
begin;
\if :{?schemas} \else
  select coalesce(string_agg(nspname, ','), '') as schemas from pg_namespace
   where nspname !~ '^pg_' and nspname not in ('information_schema', 'pgmove') \gset
\endif

select format('create role %I login', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
-- TEMPORARY: the comparison of definitions lets the target word a view by making it for a moment.
select format('grant connect, temporary on database %I to %I', current_database(), :'role')
 where not has_database_privilege(:'role', current_database(), 'connect') or not has_database_privilege(:'role', current_database(), 'temporary') \gexec

\if :create
  -- The schema pgmove with the migration's state, the selected schemas, and trusted extensions.
  select format('grant create on database %I to %I', current_database(), :'role') \gexec
\else
  select format('create schema if not exists %I authorization %I', name, :'role') from unnest(string_to_array(:'schemas', ',') || array['pgmove']) as name \gexec
\endif
-- What is made in schemas that are there. With the grant option, since a new owner needs CREATE in the schema at the moment when it becomes that.
select format('grant create, usage on schema %I to %I with grant option', nspname, :'role') from pg_namespace where nspname = any (string_to_array(:'schemas', ',')) \gexec

-- Only who may SET ROLE to a role gives objects to it, and grants in its name. The owner of a table that stands there may also write it, and switch off
-- its triggers and rules until the cutover. Membership in a superuser would be as much as being one.
select format('grant %I to %I', o.rolname, :'role') from pg_roles o
 where (o.rolname = any (string_to_array(:'owners', ','))
        or exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.relowner = o.oid and c.relkind in ('r', 'p') and n.nspname = any (string_to_array(:'schemas', ','))))
   and not o.rolsuper and o.rolname <> :'role' and not pg_has_role(:'role', o.oid, 'member') \gexec
select format('do $do$ begin raise warning %L, %L; end $do$', '% can not own objects here: it is a superuser, or not there.', name)
  from unnest(string_to_array(:'owners', ',')) as name where not exists (select from pg_roles where rolname = name and not rolsuper) \gexec

\if :replica
  select format('grant set on parameter session_replication_role to %I', :'role') where current_setting('server_version_num')::int >= 150000 \gexec
\endif
commit;
