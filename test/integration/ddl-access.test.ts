import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restoreAccess } from '../../src/roles/restore-access.ts'
import { server, sql, uniqueName } from '../servers.ts'
import { capturing } from './ddl-rig.ts'

async function role(version: number, name: string): Promise<string> {
  const unique = uniqueName(name)
  await sql((await server(version)).url('postgres'), `create role ${unique}`)
  return unique
}

const ACCESS = (writer: string) => `select 'relation ' || c.relname as name, pg_get_userbyid(c.relowner) as owner, x.rights from pg_class c
    left join lateral (select string_agg(pg_get_userbyid(grantee) || privilege_type || is_grantable, ',' order by 1, pg_get_userbyid(grantee), privilege_type) as rights
      from aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) where privilege_type <> 'MAINTAIN' and pg_get_userbyid(grantee) <> '${writer}') x on true
   where c.relnamespace::regnamespace::text in ('public', 'shop') and c.relkind in ('r', 'v', 'S')
  union all select 'function ' || proname, pg_get_userbyid(proowner), coalesce(proacl::text, '') from pg_proc where pronamespace = 'public'::regnamespace
  union all select 'type ' || typname, pg_get_userbyid(typowner), coalesce(typacl::text, '') from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'
  union all select 'schema ' || nspname, pg_get_userbyid(nspowner), coalesce(nspacl::text, '') from pg_namespace where nspname = 'shop'
  union all select 'column ' || attname, '', attacl::text from pg_attribute where attrelid = to_regclass('public.item') and attacl is not null
  order by 1`

test('owners and grants of new objects, and those that change, follow; a missing role is told', async () => {
  const [from, to] = [13, 17]
  const [owner, reader, writer] = [await role(from, 'owner'), await role(from, 'reader'), await role(from, 'writer')]
  const target = { owner: await role(to, 'mapped') }
  await sql((await server(to)).url('postgres'), `create role ${reader}`)
  const schema = `create table item (id int primary key, name text); create table old (id int primary key)`
  const run = await capturing({ schema, from, to })
  const steps = [
    `grant select on item to ${reader}; grant select on old to ${reader}; grant insert (name), update (name) on item to ${reader}; revoke select on old from ${reader}`,
    `create schema shop authorization ${owner}; create table shop.part (id serial primary key, n int); alter table shop.part owner to ${owner}; insert into shop.part (n) values (1)`,
    `grant all on shop.part to ${reader} with grant option; revoke grant option for insert on shop.part from ${reader}; revoke delete on shop.part from ${owner}`,
    `create view v as select id from item; grant select on v to public; create type mood as enum ('a'); alter type mood owner to ${owner}; revoke usage on type mood from public`,
    `create function f() returns int language sql as 'select 1'; revoke execute on function f() from public; grant execute on function f() to ${reader}`,
    `alter table old rename to older; alter table item owner to ${owner}; grant usage on schema shop to ${reader}; grant usage on sequence shop.part_id_seq to ${reader}`,
    `grant select on item to ${writer}; create table brief (a int); grant select on brief to ${reader}; drop table brief`,
  ]
  for (const step of steps.flatMap((text) => text.split('; '))) await run.source.sql(step)
  const roles = { map: { [owner]: target.owner }, grants: 'keep' } as const
  await run.drain({ selection: { objects: null, exclude: [], roles } })
  const session = await run.session()
  await restoreAccess({ target: session, id: run.id, signal: new AbortController().signal })
  const expected = JSON.stringify(await run.source.sql(ACCESS(writer))).replaceAll(owner, target.owner)
  assert.deepEqual(await run.target.sql(ACCESS(writer)), JSON.parse(expected))
  const left = await run.target.sql(`select statement, left_reason from pgmove.access_change where left_reason is not null`)
  assert.deepEqual(left, [
    { statement: `grant SELECT on table public.item to "${writer}"`, left_reason: `the target has no role "${writer}"` },
  ])
})

const OBJECTS = `select 'policy' as what, polname as name, polcmd::text || polpermissive || coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '')
     || (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r) end, ',') from unnest(polroles) r) as definition from pg_policy
   union all select 'table', relname, relrowsecurity::text from pg_class where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'side', 'other')
   union all select 'view', c.relnamespace::regnamespace || '.' || c.relname, replace(pg_get_viewdef(c.oid), 'item.', '') from pg_class c where relnamespace::regnamespace::text in ('public', 'side', 'other') and relkind in ('v', 'm')
   union all select 'function', pronamespace::regnamespace || '.' || proname, prosrc || pg_get_function_arguments(oid) from pg_proc where pronamespace::regnamespace::text in ('public', 'side', 'other')
   union all select 'type', typnamespace::regnamespace || '.' || typname, typtype::text from pg_type where typnamespace::regnamespace::text in ('public', 'side', 'other') and typtype in ('d', 'e')
   union all select 'schema', nspname, '' from pg_namespace where nspname !~ '^(pg|information)' order by 1, 2, 3`

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`views, functions, types and schemas are renamed and moved, policies made, altered and renamed; ${from} to ${to}`, async () => {
    const reader = await role(from, 'reader')
    const mapped = await role(to, 'mapped')
    const run = await capturing({ from, to, schema: 'create table item (id int primary key, name text)' })
    const steps = [
      `create schema side; create function f(a int) returns int language sql as 'select 1'; alter function f(int) rename to g; alter function g(int) set schema side`,
      `create view v as select id from item; alter view v rename to w; alter view w set schema side; create or replace view side.w as select id, name from item`,
      `create materialized view mv as select count(*) as n from item; alter materialized view mv rename to mw`,
      `create type mood as enum ('a'); alter type mood rename to feeling; create domain d as int; alter domain d rename to e; alter domain e set schema side`,
      `create table side.doc (id int primary key, m feeling); insert into side.doc values (1, 'a'); alter schema side rename to other; insert into other.doc values (2, 'a')`,
      `alter table item enable row level security; create policy own on item for select to ${reader} using (id > 0); create policy ins on item for insert with check (name <> '')`,
      `alter policy own on item using (id > 1); alter policy own on item rename to mine; create policy gone on item; drop policy gone on item; alter table item force row level security`,
      `create policy away on other.doc; alter table other.doc enable row level security; alter table other.doc disable row level security; alter table other.doc force row level security`,
      `alter table other.doc no force row level security; insert into item values (1, 'x'); alter function other.g(int) rename to "G h"`,
    ]
    for (const step of steps.flatMap((text) => text.split('; '))) await run.source.sql(step)
    await run.drain({ selection: { objects: null, exclude: [], roles: { map: { [reader]: mapped }, grants: 'keep' } } })
    await run.equal()
    const ours = (rows: Record<string, string | null>[]) => rows.filter(({ name }) => name !== 'pgmove')
    const expected = JSON.stringify(ours(await run.source.sql(OBJECTS))).replaceAll(reader, mapped)
    assert.deepEqual(ours(await run.target.sql(OBJECTS)), JSON.parse(expected))
    const later = await run.target.sql('select kind, object, restore from pgmove.object_change where restored_at is null')
    assert.deepEqual(later, [
      { kind: 'force_row_security', object: '"public"."item"', restore: 'alter table only "public"."item" force row level security' },
    ])
  })
}
