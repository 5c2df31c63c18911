import assert from 'node:assert/strict'
import test from 'node:test'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { dumpGently } from '../../src/schema/dump-gently.ts'
import { eventually } from '../servers.ts'
import { schemaRun, script } from './schema-run.ts'
import type { SchemaRun } from './schema-run.ts'

const SHOP = `
  create schema lib; create schema app; create schema crm; create schema other;
  create type lib.mood as enum ('good', 'bad'); comment on type lib.mood is 'moods';
  create type lib.unused as enum ('x');
  create domain lib.short as text check (length(value) < 9);
  create function lib.first_mood() returns lib.mood language sql as $$ select 'good'::lib.mood $$;
  create function lib.touch() returns trigger language plpgsql as $$ begin return new; end $$;
  create function lib.never() returns int language sql as 'select 1';
  create sequence lib.numbers start 5;
  create table crm.customers (
    id serial primary key, mood lib.mood default lib.first_mood(), name lib.short, number bigint default nextval('lib.numbers'),
    account bigint generated always as identity
  );
  create index customers_name on crm.customers (name);
  create statistics crm.customers_stats on id, number from crm.customers;
  create trigger touched before update on crm.customers for each row execute procedure lib.touch();
  comment on column crm.customers.name is 'a name';
  create table crm.private (id serial primary key, customer int references crm.customers);
  alter table crm.customers add column secret int references crm.private;
  create view crm.secrets as select * from crm.private;
  create view crm.above as select count(*) from crm.secrets;
  create function crm.read(crm.private) returns int language sql as 'select 1';
  create table crm.uses_private_sequence (id int default nextval('crm.private_id_seq'));
  create table app.audit_1 (id int primary key); create table app.audit_2 (id int);
  create table app.kept (id int primary key, audit int references app.audit_1, list int);
  create table app.events (day date) partition by range (day);
  create table other.events_1 partition of app.events for values from ('2024-01-01') to ('2025-01-01');
  create view app.on_audit as select * from app.audit_1;
  create function app.helper() returns int language sql as 'select 1';
  create table other.ignored (id int);
`

test('a single table comes with all that belongs to it and all that it needs, and nothing else', async () => {
  const run = await schemaRun(13, 17, SHOP)
  await run.dump({ objects: [{ schema: 'crm', table: 'customers' }] })
  await run.restore()
  const objects = await run.to.sql(
    `select c.relname as name from pg_class c where c.relnamespace in (select oid from pg_namespace where nspname in ('crm', 'lib', 'app', 'other'))
     union all select typname from pg_type where typtype in ('e', 'd') and typnamespace = 'lib'::regnamespace
     union all select proname from pg_proc where pronamespace = 'lib'::regnamespace
     union all select tgname from pg_trigger where not tgisinternal
     union all select nspname from pg_namespace where nspname in ('crm', 'lib', 'app', 'other') order by 1`,
  )
  assert.deepEqual(
    objects.map(({ name }) => name),
    ['crm', 'customers', 'customers_account_seq', 'customers_id_seq', 'customers_name', 'customers_pkey', 'first_mood', 'lib', 'mood', 'numbers', 'short', 'touch', 'touched'],
  ) // prettier-ignore
  assert.deepEqual(Object.keys(await run.notes('skipped')), ['FK CONSTRAINT "crm"."customers customers_secret_fkey"'])
  assert.match(Object.values(await run.notes('skipped')).join(), /it needs "crm"."private", which is not selected/)
  const table = await script(run.to, '-t', 'crm.customers', '-t', 'lib.numbers')
  const expected = await script(run.from, '-t', 'crm.customers', '-t', 'lib.numbers')
  assert.equal(table, expected.split('\n').filter((line, i, all) => !/customers_secret_fkey/.test(line) && !/customers_secret_fkey/.test(all[i + 1] ?? '')).join('\n'))
  assert.equal((await run.to.sql(`select obj_description('lib.mood'::regtype) as text`))[0]?.['text'], 'moods')
}) // prettier-ignore

test('a whole schema without its excluded tables: what needs them is left out with the reason, a sequence they own is not', async () => {
  const run = await schemaRun(13, 17, SHOP)
  const exclude = [{ schema: 'crm', table: 'private' }, { schema: 'app', table: 'audit_*' }]
  await run.dump({ objects: [{ schema: 'crm' }, { schema: 'app' }], exclude }) // prettier-ignore
  await run.restore()
  const left = await run.notes('skipped')
  assert.deepEqual(Object.keys(left), [
    'FK CONSTRAINT "app"."kept kept_audit_fkey"',
    'FK CONSTRAINT "crm"."customers customers_secret_fkey"',
    'FUNCTION "crm"."read(crm.private)"',
    'VIEW "app"."on_audit"',
    'VIEW "crm"."above"',
    'VIEW "crm"."secrets"',
  ])
  assert.match(left['VIEW "crm"."above"'] ?? '', /it needs "crm"."private"/)
  const tables = await run.to.sql(`select oid::regclass::text as name from pg_class where relkind in ('r', 'p', 'S') and relnamespace::regnamespace::text in ('app', 'crm', 'lib', 'other') order by 1`)
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['app.events', 'app.kept', 'crm.customers', 'crm.customers_account_seq', 'crm.customers_id_seq', 'crm.private_id_seq', 'crm.uses_private_sequence', 'lib.numbers', 'other.events_1'],
  ) // prettier-ignore
  assert.equal((await run.to.sql(`select app.helper() as one`))[0]?.['one'], '1')
}) // prettier-ignore

test('everything but publications and event triggers; those are said', async () => {
  const run = await schemaRun(
    13,
    17,
    `create table public.t (id int); create publication p for all tables; create publication pgmove_0123456789abcdef for table public.t;
     create function public.et() returns event_trigger language plpgsql as 'begin end';
     create event trigger nothing on ddl_command_start when tag in ('DROP SERVER') execute procedure public.et();
     create schema pgmove; create table pgmove.installed (id text, kind text, name text, previous text, relation oid);
     insert into pgmove.installed (id, kind, name, previous) values ('a', 'replica identity', 'public.t', 'd'), ('b', 'replica identity', 'public.n', 'n');
     create function pgmove.f() returns trigger language plpgsql as 'begin return null; end';
     create trigger pgmove_truncate before truncate on public.t for each statement execute procedure pgmove.f();
     create table public.n (a int); alter table public.t replica identity full; alter table public.n replica identity full; alter table public.n force row level security;
     create table public.own_full (a int); alter table public.own_full replica identity full;`,
  )
  const [{ name } = { name: '' }] = await run.from.sql('select current_database() as name')
  await run.from.sql(`alter database "${name}" set work_mem = '5MB'`)
  await run.dump()
  await run.restore()
  assert.deepEqual(Object.keys(await run.notes('skipped')), ['EVENT TRIGGER "nothing"', 'PUBLICATION "p"'])
  const identities = await run.to.sql(
    `select relname || relreplident::text || relforcerowsecurity as t from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  )
  assert.deepEqual(
    identities.map(({ t }) => t),
    ['nntrue', 'own_fullffalse', 'tdfalse'],
  )
  assert.deepEqual(await run.to.sql('select 1 from pg_trigger where not tgisinternal'), [])
})

test('thousands of excluded tables, with names that look like patterns, are neither dumped nor locked', async () => {
  const run = await schemaRun(13, 17, `create schema "a.*b"; create table "a.*b"."t?" (id int); create table "a.*b"."new\nline" (id int)`)
  const name = (i: number) => `"a.*b"."$${i} ""x"" | [${'y'.repeat(40)}]"`
  await run.from.sql(Array.from({ length: 1500 }, (_, i) => `create table ${name(i)} (id int)`).join(';'))
  const exclude = [{ schema: 'a.\\*b', table: '$*' }, { schema: 'a.\\*b', table: 'new\nline' }]
  // A lock that conflicts with pg_dump's, on a table that is not selected.
  const blocker = await run.again()
  await blocker.source.query('begin')
  await blocker.source.query(`lock table ${name(7)}, "a.*b"."new\nline"`)
  await run.dump({ exclude })
  await blocker.source.query('rollback')
  const entries = await run.to.sql(`select name from pgmove.entry where kind = 'TABLE'`)
  assert.deepEqual(entries, [{ name: 't?' }])
}) // prettier-ignore

test('the dump waits for a locked table, and tries again', async () => {
  const run = await schemaRun(13, 17, 'create table public.t (id int)')
  const blocker = await run.again()
  await blocker.source.query('begin')
  await blocker.source.query('lock table public.t')
  const dumped = run.dump()
  await eventually('pg_dump waits for the table', 20, async () => (await waiters(run)).length > 0)
  await eventually('pg_dump gives up', 20, async () => (await waiters(run)).length === 0)
  await blocker.source.query('rollback')
  assert.equal((await dumped).entries > 0, true)
})

test('the dump gives way to a statement that needs a table for itself, and is done again', async () => {
  const run = await schemaRun(13, 17, 'create table public.a (id int); create table public.z (id int)')
  const blocker = await run.again()
  await blocker.source.query('begin')
  await blocker.source.query('lock table public.z')
  const connection = await resolveConnection({ url: run.from.url }, 'source', {})
  const options = { database: run.source, connection, minMajor: 17, excluded: [], signal: run.signal, lockWaitMs: 600_000 }
  const dumped = dumpGently({ ...options, applicationName: `dump ${run.id}` })
  await eventually('pg_dump waits for the second table', 20, async () => (await waiters(run)).length > 0)
  // Waits behind pg_dump, which holds the first.
  await run.from.sql('alter table public.a add column late int')
  await blocker.source.query('rollback')
  const { entries } = await dumped
  assert.match(entries.find(({ tag }) => tag === 'a')?.definition ?? '', /late integer/)
})

async function waiters({ from }: SchemaRun): Promise<unknown[]> {
  return from.sql(
    'select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())',
  )
}

test('a missing right names the table', async () => {
  const run = await schemaRun(13, 17, 'create schema s; create table s.t (id int)')
  const reader = `reader_${run.id}`
  await run.from.sql(`create role ${reader} login; grant usage on schema s to ${reader}`)
  const limited = await run.again(reader)
  await assert.rejects(limited.dump(), (error: unknown) => {
    assert.ok(error instanceof MigrationError)
    assert.equal(error.kind, 'InsufficientPrivilege', error.message)
    assert.match(error.message, /may not read "s"."t"/)
    return true
  })
  await run.from.sql(`drop owned by ${reader}; drop role ${reader}`)
})
