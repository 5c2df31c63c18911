import assert from 'node:assert/strict'
import test from 'node:test'
import { schemaRun } from './schema-run.ts'

const SHOP = `
create schema app; create schema crm;
create type app.state as enum ('open', 'shut');
create table app.teams (id serial primary key, name text unique);
create table app.users (
  id serial primary key, email text not null unique check (email <> ''), born date, secret text default 'none', state app.state default 'open',
  team int references app.teams, internal int generated always as identity, constraint hidden check (secret <> email), constraint old check (born > '1900-01-01'));
create index users_email_lower on app.users (lower(email)) where born is not null;
create index users_secret on app.users (secret);
create statistics app.users_stat on born, secret from app.users;
comment on table app.users is 'app.users has an email';
comment on column app.users.email is 'how to reach users'; comment on column app.users.secret is 'gone';
create table app.orders (id serial primary key, user_id int not null references app.users (id) on delete cascade, total numeric);
create table app.a (id int primary key, v text); create table app.b (id int primary key, w int);
create view app.mails as select u.email, t.name as team from app.users u join app.teams t on t.id = u.team;
create view app.secrets as select secret from app.users;
create view app.more_secrets as select count(*) from app.secrets;
create materialized view app.totals as select u.email, sum(o.total) as total from app.users u left join app.orders o on o.user_id = u.id group by u.email;
create unique index totals_email on app.totals (email);
create function app.find(wanted text) returns setof app.users language sql stable as 'select * from app.users where email = wanted';
create function app.id_of(wanted text) returns int language sql stable as 'select u.id from app.users u where u.email = wanted';
create function app.count_open(s app.state) returns bigint language sql as 'select count(*) from app.users where state = s';
create function app.note() returns trigger language plpgsql as $$
begin
  -- a comment on app.teams
  insert into app.a values (new.id, new.email);
  return new;
end $$;
create trigger noted after update of email on app.users for each row when (old.email is distinct from new.email) execute procedure app.note();
create trigger hidden after update of secret on app.users for each row execute procedure app.note();
alter table app.users enable row level security;
create policy own on app.users using (email = current_user or exists (select from app.teams where teams.id = users.team));
create rule keep as on delete to app.a do instead nothing;
create table app.log (id int, at timestamptz not null, note text) partition by range (at);
create table app.log_1 partition of app.log for values from ('2020-01-01') to ('2030-01-01');
create index log_at on app.log (at);
create table crm.visits (page text); create table crm.people (id int primary key);
create table "Odd.schema"."x" (id int) ;
insert into app.users (email, born) values ('a@x.org', '2000-01-01'), ('b@x.org', null);
insert into app.orders (user_id, total) values (1, 5), (1, 6);
`.replace('create table "Odd.schema"', 'create schema "Odd.schema"; create table "Odd.schema"')

const OBJECTS = [
  { schema: 'app', as: 'sales' },
  {
    schema: 'app',
    table: 'users',
    as: 'clients',
    columns: ['id', { name: 'email', as: 'mail' }, { name: 'born', as: 'select' }, 'team', 'state'],
  },
  { schema: 'app', table: 'a', as: 'b' },
  { schema: 'app', table: 'b', as: 'a' },
  { schema: 'app', table: 'log', as: 'Log "book".x', columns: [{ name: 'at', as: 'moment' }, 'id'] },
  { schema: 'crm', as: 'public' },
  { schema: 'Odd.schema', as: 'even"."more' },
]

test('definitions stand under the names of the target, without what needs left-out columns', async () => {
  const run = await schemaRun(13, 17, SHOP)
  await run.target.query('create schema sales; create table sales.other (id int); create table public.kept (id int)')
  await run.dump({ objects: OBJECTS })
  await run.restore()
  const relations = await run.to.sql(`
    select format('%I.%I', n.nspname, c.relname) as name, c.relkind as kind,
           (select string_agg(a.attname, ',' order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^(pg_|information)' and n.nspname <> 'pgmove' and c.relkind in ('r', 'p', 'v', 'm') order by 1`)
  assert.deepEqual(relations.map(({ name, kind, columns }) => `${kind} ${name}: ${columns}`), [
    'r "even"".""more".x: id',
    'r public.kept: id',
    'r public.people: id',
    'r public.visits: page',
    'p sales."Log ""book"".x": id,moment',
    'r sales.a: id,w',
    'r sales.b: id,v',
    'r sales.clients: id,mail,select,state,team',
    'r sales.log_1: id,moment',
    'v sales.mails: email,team',
    'r sales.orders: id,user_id,total',
    'r sales.other: id',
    'r sales.teams: id,name',
    'm sales.totals: email,total',
  ]) // prettier-ignore
  const constraints = await run.to
    .sql(`select conrelid::regclass || ' ' || conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
    where conrelid = any ('{sales.clients,sales.orders}'::regclass[]) and contype <> 'n' order by 1`)
  assert.deepEqual(constraints.map(({ name, definition }) => `${name} ${definition}`), [
    `sales.clients old CHECK (("select" > '1900-01-01'::date))`,
    `sales.clients users_email_check CHECK ((mail <> ''::text))`,
    'sales.clients users_email_key UNIQUE (mail)',
    'sales.clients users_pkey PRIMARY KEY (id)',
    'sales.clients users_team_fkey FOREIGN KEY (team) REFERENCES sales.teams(id)',
    'sales.orders orders_pkey PRIMARY KEY (id)',
    'sales.orders orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES sales.clients(id) ON DELETE CASCADE',
  ]) // prettier-ignore
  const [facts] = await run.to.sql(`select
    (select string_agg(tgname, ',') from pg_trigger where tgrelid = 'sales.clients'::regclass and not tgisinternal) as triggers,
    (select string_agg(polname, ',') from pg_policy) as policies,
    (select string_agg(indexrelid::regclass::text, ',' order by indexrelid::regclass::text) from pg_index where indrelid = 'sales.clients'::regclass) as indexes,
    col_description('sales.clients'::regclass, 2) as comment, obj_description('sales.clients'::regclass) as table_comment,
    pg_get_serial_sequence('sales.clients', 'id') as sequence, (select relkind from pg_class where relname = 'users_internal_seq') as gone`)
  assert.deepEqual(facts, {
    triggers: 'noted',
    policies: 'own',
    indexes: 'sales.users_email_key,sales.users_email_lower,sales.users_pkey',
    comment: 'how to reach users',
    table_comment: 'app.users has an email',
    sequence: 'sales.users_id_seq',
    gone: null,
  })
  await run.to.sql(`insert into sales.clients (id, mail, state) values (7, 'c@x.org', 'open'); refresh materialized view sales.totals`)
  assert.deepEqual(
    await run.to.sql(`select sales.count_open('open') as n, sales.id_of('c@x.org') as id, (select count(*) from sales.totals) as totals`),
    [{ n: '1', id: '7', totals: '1' }],
  )
  const skipped = await run.notes('skipped')
  const needs = 'It was left out: it needs "app"."users"."secret", which is not selected.'
  for (const object of [
    'VIEW "app"."secrets"',
    'VIEW "app"."more_secrets"',
    'INDEX "app"."users_secret"',
    'STATISTICS "app"."users_stat"',
    'TRIGGER "app"."users hidden"',
  ])
    assert.equal(skipped[object], needs, object)
  assert.match(skipped['TABLE "sales"."clients"'] ?? '', /hidden/)
  assert.ok(!Object.keys(skipped).some((object) => /DEFAULT|COMMENT|OWNED BY/.test(object)), JSON.stringify(skipped))
  const warnings = await run.notes('warning')
  assert.match(warnings['FUNCTION "sales"."find(text)"'] ?? '', /its body stays as it is/)
  assert.match(warnings['FUNCTION "sales"."note()"'] ?? '', /line 4.*app\.a/)
})

test('a second run takes equal objects as they are, and another name for a mapped one is a difference', async () => {
  const run = await schemaRun(13, 17, SHOP)
  await run.dump({ objects: OBJECTS })
  await run.restore()
  const again = await run.again()
  await again.dump({ objects: OBJECTS })
  const left = await again.target.query(`select kind, name from pgmove.entry where id = $1 and skipped is null order by ordinal`, [
    again.id,
  ])
  assert.deepEqual(left, [])
  await run.to.sql(`alter table sales.clients rename "select" to birth`)
  const third = await run.again()
  await assert.rejects(third.dump({ objects: OBJECTS }), { kind: 'SchemaMismatch', message: /TABLE "sales"\."clients"/ })
})

test('schemas swap their names', async () => {
  const run = await schemaRun(
    13,
    17,
    `create schema a; create schema b; create table a.t (x int); create table b.t (y int references b.t2);`.replace(
      'create table b.t ',
      'create table b.t2 (y int primary key); create table b.t ',
    ),
  )
  await run.dump({ objects: [{ schema: 'a', as: 'b' }, { schema: 'b', as: 'a' }] }) // prettier-ignore
  await run.restore()
  assert.deepEqual(
    await run.to.sql(
      `select attrelid::regclass::text as t, attname from pg_attribute where attrelid in ('a.t'::regclass, 'b.t'::regclass) and attnum > 0 order by 1`,
    ),
    [
      { t: 'a.t', attname: 'y' },
      { t: 'b.t', attname: 'x' },
    ],
  )
})

test('what can not be brought under the new names is named before anything is created', async () => {
  const run = await schemaRun(13, 17, 'create table t (id int, v int); create view w as select (x.r).v from (select t as r from t) x')
  const objects = [
    { schema: 'public', as: 'other' },
    { schema: 'public', table: 't', as: 'renamed', columns: ['id', { name: 'v', as: 'value' }] },
  ]
  // PostgreSQL's own renaming can't help: the name is taken.
  await run.target.query('create schema other; create table other.t (x int)')
  await assert.rejects(run.dump({ objects }), { kind: 'SchemaMismatch', message: /VIEW "public"\."w" .*Nothing was created/ })
  assert.deepEqual(await run.to.sql(`select relname from pg_class where relnamespace = 'other'::regnamespace`), [{ relname: 't' }])
})

test('views, rules and policies read as if PostgreSQL had renamed the tables itself', async () => {
  const run = await schemaRun(
    13,
    17,
    `create schema app;
     create table app.users (id int primary key, email text, born date);
     create table app.a (id int primary key, v text); create table app.b (id int primary key, w text);
     create table app.log (line text);
     create view app.mails as select u.email, a.v from app.users u join app.a using (id) join app.b on b.id = a.id where b.w = u.email;
     create view app.born as select users.id, users.born from app.users order by users.born;
     create materialized view app.counts as select born, count(*) as n from app.users group by born;
     create rule logged as on insert to app.users do also insert into app.log select new.email from app.a where a.id = new.id;
     alter table app.users enable row level security;
     create policy own on app.users using (exists (select from app.a where a.v = users.email));`,
  )
  const objects = [
    { schema: 'app', as: 'sales' },
    {
      schema: 'app',
      table: 'users',
      as: 'clients',
      columns: ['id', { name: 'email', as: 'born' }, { name: 'born', as: 'email' }],
    },
    { schema: 'app', table: 'a', as: 'b' },
    { schema: 'app', table: 'b', as: 'a' },
    { schema: 'app', table: 'born', as: 'birth' },
  ]
  await run.dump({ objects })
  await run.restore()
  // What PostgreSQL makes of the source's own objects.
  await run.from.sql(`
    alter schema app rename to sales; alter table sales.users rename to clients; alter view sales.born rename to birth;
    alter table sales.a rename to c; alter table sales.b rename to a; alter table sales.c rename to b;
    alter table sales.clients rename email to e; alter table sales.clients rename born to email; alter table sales.clients rename e to born`)
  const words = (version: number) => `
    select c.relname as object, ${version < 160000 ? `replace(replace(pg_get_viewdef(c.oid), 'clients.', ''), 'alias.', '')` : 'pg_get_viewdef(c.oid)'} as words
      from pg_class c where c.relnamespace = 'sales'::regnamespace and c.relkind in ('v', 'm') and c.relname <> 'mails'
    union all select rulename, pg_get_ruledef(oid) from pg_rewrite where rulename = 'logged'
    union all select polname, pg_get_expr(polqual, polrelid) from pg_policy order by 1`
  assert.deepEqual(await run.to.sql(words(170000)), await run.from.sql(words(130000)))
  const [mails] = await run.to.sql(`select pg_get_viewdef('sales.mails'::regclass) as words`)
  assert.match(mails?.['words'] ?? '', /u\.born AS email,\s+b\.v\s+FROM/)
  const again = await run.again()
  await again.source.query(`
    alter table sales.clients rename born to e; alter table sales.clients rename email to born; alter table sales.clients rename e to email;
    alter table sales.a rename to c; alter table sales.b rename to a; alter table sales.c rename to b;
    alter view sales.birth rename to born; alter table sales.clients rename to users; alter schema sales rename to app`)
  await again.dump({ objects })
  assert.deepEqual(
    await again.target.query(`select kind, name from pgmove.entry where id = $1 and skipped is null order by ordinal`, [again.id]),
    [],
  )
})
