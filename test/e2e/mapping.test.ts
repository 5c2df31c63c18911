import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import { database, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const SOURCE = `
create schema app; create schema other; create schema "Odd.schema";
create type app.state as enum ('open', 'shut');
create table app.teams (id serial primary key, name text unique);
create table app.users (id serial primary key, email text not null unique, secret text default 'none', state app.state not null default 'open',
  team int references app.teams, born date);
create index users_secret on app.users (secret);
create table app.a (id int primary key, v text); create table app.b (id int primary key, w int);
create table app.keyless (id int primary key, note text, amount numeric);
create table app.seen (id int, email text);
create unlogged table app.fleeting (id int primary key, line text, more text);
create table app.log (id bigint generated always as identity, at date not null, note text, junk text, primary key (id, at)) partition by range (at);
create table app.log_1 partition of app.log for values from ('2020-01-01') to ('2021-01-01');
create table app.log_2 (at date not null, junk text, note text, id bigint not null);
alter table app.log attach partition app.log_2 for values from ('2021-01-01') to ('2022-01-01');
create table app.base (id int primary key, note text); create table app.child (more int) inherits (app.base); alter table app.child add primary key (id);
create view app.mails as select u.email, t.name from app.users u left join app.teams t on t.id = u.team;
create materialized view app.totals as select state, count(*) as n from app.users group by state;
create function app.count_open() returns bigint language sql as $$ select count(*) from app.users where state = 'open' $$;
create function app.noted() returns trigger language plpgsql as $$ begin new.email := lower(new.email); return new; end $$;
create rule audited as on update to app.a do also insert into app.seen select new.id, u.email from app.users u where u.id = new.id;
alter table app.teams enable row level security; create policy mine on app.teams using (exists (select from app.users where users.team = teams.id));
create trigger lowered before insert on app.users for each row execute procedure app.noted();
create table public.plain (id int primary key, line text);
create table other.plain (id int primary key, line text);
create table "Odd.schema"."a.b ""c""" ("x y" int primary key, "Z" text);
insert into app.teams (name) select 'team ' || i from generate_series(1, 5) i;
insert into app.users (email, team) select 'u' || i || '@x.org', 1 + i % 5 from generate_series(1, 300) i;
insert into app.a select i, 'a' || i from generate_series(1, 30) i; insert into app.b select i, i * i from generate_series(1, 40) i;
insert into app.keyless select i, 'n' || i % 3, i % 5 from generate_series(1, 60) i;
insert into app.fleeting select i, 'l' || i, 'm' from generate_series(1, 10) i;
insert into app.log (at, note) select date '2020-06-01' + i, 'note ' || i from generate_series(1, 400) i;
insert into app.base select i, 'base' from generate_series(1, 10) i; insert into app.child select i, 'child', i from generate_series(11, 20) i;
insert into public.plain select i, 'public' from generate_series(1, 10) i; insert into other.plain select i, 'other' from generate_series(1, 20) i;
insert into "Odd.schema"."a.b ""c""" select i, 'z' from generate_series(1, 10) i;
`

const OBJECTS = [
  { schema: 'app', as: 'sales' },
  {
    schema: 'app',
    table: 'users',
    as: 'clients',
    columns: ['id', { name: 'email', as: 'mail' }, 'state', 'team', { name: 'born', as: 'select' }],
  },
  { schema: 'app', table: 'a', as: 'b' },
  { schema: 'app', table: 'b', as: 'a' },
  { schema: 'app', table: 'keyless', columns: ['note', { name: 'amount', as: 'sum' }] },
  { schema: 'app', table: 'fleeting', as: 'gone', columns: ['id', 'line'] },
  { schema: 'app', table: 'log', as: 'journal', columns: ['id', { name: 'at', as: 'day' }, { name: 'note', as: 'at' }] },
  { schema: 'app', table: 'base', columns: ['id', { name: 'note', as: 'remark' }] },
  { schema: 'public', as: 'main' },
  { schema: 'other', as: 'public' },
  { schema: 'Odd.schema', as: 'even "more"' },
  { schema: 'Odd.schema', table: 'a.b "c"', as: 'd.e', columns: ['Z', { name: 'x y', as: 'x.y' }] },
]

/** The same rows by the names of the source and of the target. */
const SAME: readonly (readonly [source: string, target: string])[] = [
  ['select id, email, state, team, born from app.users', 'select id, mail, state, team, "select" from sales.clients'],
  ['select id, v from app.a', 'select id, v from sales.b'],
  ['select id, w from app.b', 'select id, w from sales.a'],
  ['select note, amount from app.keyless', 'select note, sum from sales.keyless'],
  ['select id, line from app.fleeting', 'select id, line from sales.gone'],
  [
    'select tableoid::regclass::text, id, at, note from app.log',
    `select replace(tableoid::regclass::text, 'sales', 'app'), id, day, at from sales.journal`,
  ],
  ['select id, note from only app.base', 'select id, remark from only sales.base'],
  ['select id, note, more from app.child', 'select id, remark, more from sales.child'],
  ['select id, line from public.plain', 'select id, line from main.plain'],
  ['select id, line from other.plain', 'select id, line from public.plain'],
  ['select "x y", "Z" from "Odd.schema"."a.b ""c"""', 'select "x.y", "Z" from "even ""more"""."d.e"'],
  ['select email, name from app.mails', 'select email, name from sales.mails'],
  ['select state, count(*) from app.users group by 1', 'select state, n from sales.totals'],
  ['select app.count_open()', 'select sales.count_open()'],
  ['select last_value from app.users_id_seq', 'select last_value from sales.users_id_seq'],
  ['select last_value from app.log_id_seq', 'select last_value from sales.log_id_seq'],
]

const fingerprint = (query: string): string =>
  `select count(*) as rows, md5(string_agg(t::text, ',' order by t::text collate "C")) as hash from (${query}) t`

/** Writes to every table until it is stopped. */
function writeTo(source: TestDatabase): () => Promise<void> {
  let stopped = false
  const loop = (async () => {
    for (let i = 0; !stopped; i++) {
      await source.sql(`
        insert into app.users (email, team, secret) values ('L${i}@x.org', 1 + ${i} % 5, 's');
        update app.users set secret = 'changed' where id % 10 = ${i} % 10; update app.users set born = '2000-01-01', email = email || 'x' where id = ${i};
        delete from app.users where id = ${i} - 3;
        update app.keyless set note = note || 'x' where id = 1 + ${i} % 60; update app.keyless set id = id + 100 where id = ${i} % 60; delete from app.keyless where id = ${i} + 20;
        insert into app.log (at, note) values ('2020-03-01', 'late ${i}'); update app.log set at = '2021-05-05' where id = ${i}; delete from app.log where id = ${i} + 50;
        update app.base set note = 'new' where id = ${i} % 25; update app.a set id = -id where id = ${i}; insert into app.b values (1000 + ${i}, ${i});
        update public.plain set line = line || '+'; delete from other.plain where id = ${i}; insert into "Odd.schema"."a.b ""c""" values (100 + ${i}, 'new')`)
    }
  })()
  loop.catch(() => undefined)
  return () => {
    stopped = true
    return loop
  }
}

test('a mapped selection moves while it is written to', { timeout: 240_000 }, async () => {
  const source = await database(await server(13))
  const target = await database(await server(17))
  await source.sql(SOURCE)
  await target.sql(
    'create schema sales; create table sales.kept (id int primary key); insert into sales.kept values (1); create table public.kept (id int)',
  )
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const stop = writeTo(source)
  try {
    const run = await migration.start({ objects: OBJECTS, ignoreWarnings: true })
    await run.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    await stop()
    const [identity] = await source.sql(`select relreplident as identity from pg_class where oid = 'app.keyless'::regclass`)
    assert.deepEqual(identity, { identity: 'f' })
    await source.sql(`truncate app.a; insert into app.a values (7, 'after'); insert into app.fleeting values (99, 'late', 'x')`)
    await source.sql(`truncate app.log; insert into app.log (at, note) values ('2020-04-01', 'one'), ('2021-04-01', 'two')`)
    await run.signal('cutover')
    const report = await run.result()
    assert.deepEqual(report.validation.differing, [])
    assert.deepEqual(report.left, [])
    assert.deepEqual(report.metadata?.differences, [])
    assert.deepEqual(report.metadata?.notCompared.items, [])
    for (const [here, there] of SAME) assert.deepEqual(await target.sql(fingerprint(there)), await source.sql(fingerprint(here)), there)
    assert.deepEqual(await target.sql('select * from sales.kept'), [{ id: '1' }])
    const needs = 'It was left out: it needs "app"."users"."secret", which is not selected.'
    assert.deepEqual(report.skipped.items.find(({ object }) => object === 'INDEX "app"."users_secret"')?.reason, needs)
    assert.ok(report.warnings.items.some((warning) => warning.startsWith('replica_identity')))
    const [after] = await source.sql(`select relreplident as identity from pg_class where oid = 'app.keyless'::regclass`)
    assert.deepEqual(after, { identity: 'd' })
    const body = report.warnings.items.find((warning) => warning.startsWith('FUNCTION "sales"."noted()"'))
    assert.match(body ?? '', /line 1: mentions email, which is mail in sales.clients on the target/)
    const [trigger] = await target.sql(
      `select pg_get_triggerdef(oid) as definition from pg_trigger where tgrelid = 'sales.clients'::regclass and not tgisinternal`,
    )
    assert.match(trigger?.['definition'] ?? '', /BEFORE INSERT ON sales.clients FOR EACH ROW EXECUTE FUNCTION sales.noted()/)
  } finally {
    await stop().catch(() => undefined)
  }
})
