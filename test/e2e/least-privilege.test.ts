import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { runRoleScript } from '../role-script.ts'
import { database, eventually, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const OBJECTS = `
create schema app;
create schema private;
create table private.secret (id int primary key);
insert into private.secret values (1);
create type app.state as enum ('new', 'old');
create type app.span as range (subtype = float8);
create domain app.short as text check (length(value) < 30);
create table app.customers (id serial primary key, name app.short not null, state app.state default 'new');
create table app.orders (id bigint generated always as identity primary key, customer int references app.customers on delete cascade, at date) ;
create table app.events (day date not null, n int, lasts app.span) partition by range (day);
create table app.events_2024 partition of app.events for values from ('2024-01-01') to ('2025-01-01');
create index orders_at on app.orders (at);
create sequence app.counter start 41;
select nextval('app.counter');
create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create function app.peek() returns bigint language sql security definer as 'select count(*) from private.secret';
create trigger touch before update on app.orders for each row execute procedure app.touch();
create view app.overview as select c.name, count(*) as orders from app.customers c join app.orders o on o.customer = c.id group by c.name;
create materialized view app.totals as select count(*) as n from app.orders;
insert into app.customers (name) select 'customer ' || i from generate_series(1, 100) i;
insert into app.orders (customer, at) select 1 + i % 100, '2024-01-01'::date + i % 300 from generate_series(1, 1000) i;
insert into app.events select '2024-01-01'::date + i % 300, i, app.span(i, i + 0.5) from generate_series(1, 500) i;
refresh materialized view app.totals;
`
const CONTENTS = `
select 'customers' as name, md5(string_agg(t::text, ',' order by id)) as hash from app.customers t
union all select 'orders', md5(string_agg(t::text, ',' order by id)) from app.orders t
union all select 'events', md5(string_agg(t::text, ',' order by t::text)) from app.events t
union all select 'totals', n::text from app.totals
union all select 'counter', last_value || ' ' || is_called from app.counter
union all select 'keys', string_agg(conname || ' ' || pg_get_constraintdef(oid) || convalidated, ',' order by conname) from pg_constraint where contype in ('p', 'f') and connamespace = 'app'::regnamespace
union all select 'triggers', string_agg(tgname || tgenabled::text, ',') from pg_trigger where not tgisinternal`

for (const [from, to] of [
  [13, 17],
  [10, 18],
] as const) {
  test(
    `the roles of deploy/roles are enough for schema and full: one that may only read, one that may only create in its schemas, ${from} to ${to}`,
    { timeout: 300_000 },
    async () => {
      const [source, target] = [await database(await server(from)), await database(await server(to))]
      const [onSource, onTarget] = [await server(from), await server(to)]
      const [reader, mover] = [uniqueName('reader'), uniqueName('mover')]
      try {
        await source.sql(OBJECTS)
        await source.sql(`revoke all on schema public from public`)
        await target.sql(`revoke all on schema public from public`)
        await runRoleScript('source', source.url, { role: reader, schemas: 'app' })
        const targetScript = () => runRoleScript('target', target.url, { role: mover, schemas: 'app', create: 'no' })
        await targetScript()
        await target.sql('drop schema pgmove')
        const migration = await sharedMigration({ source: onSource.url(source.name, reader), target: onTarget.url(target.name, mover) })
        const run = await migration.start({ types: ['schema', 'full'], objects: [{ schema: 'app' }], ignoreWarnings: true })
        // Without the schema pgmove, and without the right to make it, the precheck says what to do.
        const waits = await waiting(run)
        assert.match(waits, /target_create .*grant create on database .* \/\* or instead: create schema "pgmove" authorization "mover/)
        await targetScript()
        await run.signal('resume')
        const status = await run.reach('the end', (s) => s.state === 'completed', 120)
        assert.equal(status.tables.copied, 3)
        assert.deepEqual(await target.sql(CONTENTS), await source.sql(CONTENTS))
        const report = await run.result()
        assert.ok(
          report.skipped.items.some(
            ({ object, reason }) => object === 'owner "postgres"' && reason.includes(`"${mover}" may not SET ROLE to "postgres"`),
          ),
          JSON.stringify(report.skipped),
        )
        assert.deepEqual(report.left, [])
        const [other] = await target.sql(
          `select to_regclass('private.secret') as secret, pg_get_userbyid(relowner) as owner from pg_class where oid = 'app.orders'::regclass`,
        )
        assert.deepEqual(other, { secret: null, owner: mover })
        assert.deepEqual(await rights(source, reader), NONE)
        assert.deepEqual(await rights(target, mover), NONE)
      } finally {
        await source.drop()
        await target.drop()
        await sql(onSource.url('postgres'), `drop role if exists ${reader}`)
        await sql(onTarget.url('postgres'), `drop role if exists ${mover}`)
      }
    },
  )
}

const NONE = { attributes: 'false', member: '0', create: 'false' }

/** What a role has beyond reading and creating in its schemas: attributes, memberships, creating in the database. */
async function rights(on: TestDatabase, role: string): Promise<Record<string, string | null> | undefined> {
  const [row] = await on.sql(
    `select (rolsuper or rolreplication or rolbypassrls or rolcreaterole or rolcreatedb)::text as attributes,
            (select count(*) from pg_auth_members where member = r.oid) as member, has_database_privilege(r.oid, current_database(), 'create')::text as create
       from pg_roles r where rolname = $1`,
    [role],
  )
  return row
}

/** The message with which the precheck waits. */
async function waiting(run: RunningMigration): Promise<string> {
  return eventually('the precheck waits', 60, async () => {
    const status = await run.status().catch(() => undefined)
    return status?.state === 'waiting' ? status.errors.items.at(-1)?.message : undefined
  })
}
