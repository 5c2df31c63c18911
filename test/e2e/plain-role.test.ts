import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import { database, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const OBJECTS = `
create table teams (id int primary key, name text);
create table people (id int generated always as identity primary key, team int references teams on delete cascade on update cascade, boss int references people on delete set null);
create table badges (id int primary key, person int not null references people on delete restrict);
create table notes (id int primary key, team int default 1 references teams on delete set default on update cascade, text text);
alter table notes enable row level security;
alter table notes force row level security;
create policy nobody on notes using (false);
create function shout() returns trigger language plpgsql as $$ begin raise exception 'a trigger fired'; end $$;
insert into teams select i, 'team ' || i from generate_series(1, 20) i;
insert into people (team, boss) select 1 + i % 20, nullif(i - 1, 0) from generate_series(1, 200) i;
insert into badges select i, 1 + i * 7 % 200 from generate_series(1, 20) i;
insert into notes select i, 1 + i % 20, 'note' from generate_series(1, 50) i;
create trigger people_shout before update on people for each row execute procedure shout();
alter table people disable trigger people_shout;
`

/** Deletes that cascade, set null, set default; a key that changes; rows that come and go within one transaction. */
const CHANGES = `
delete from badges where person in (select id from people where team in (3, 4));
delete from teams where id = 3;
update teams set id = 104 where id = 4;
delete from people where id = 10 and not exists (select from badges where person = 10);
begin;
insert into teams values (200, 'short-lived');
insert into people (team) values (200), (200);
delete from teams where id = 200;
commit;
insert into notes values (900, 5, 'late');
delete from teams where id = 5 and not exists (select from badges join people on people.id = person where team = 5);
`

const STATE = `
select 'teams' as name, md5(string_agg(t::text, ',' order by id)) as hash from teams t union all select 'people', md5(string_agg(t::text, ',' order by id)) from people t
union all select 'badges', md5(string_agg(t::text, ',' order by id)) from badges t union all select 'notes', md5(string_agg(t::text, ',' order by id)) from notes t
union all select conname::text, pg_get_constraintdef(oid) || convalidated from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
union all select tgname::text, tgenabled::text from pg_trigger where not tgisinternal
union all select attname::text, attidentity::text from pg_attribute where attidentity <> '' and attrelid = 'people'::regclass
union all select relname::text, (relrowsecurity, relforcerowsecurity)::text from pg_class where relname = 'notes'
order by 1, 2`

for (const [from, to] of [
  [13, 17],
  [10, 18],
] as const) {
  test(`a target role without rights beyond its database gets everything exactly, ${from} to ${to}`, { timeout: 300_000 }, async () => {
    const source = await database(await server(from))
    await source.sql(OBJECTS)
    const on = await server(to)
    const role = uniqueName('plain')
    await sql(on.url('postgres'), `create role ${role} login`)
    try {
      const target = await database(on, { owner: role })
      await target.sql(`grant all on schema public to ${role}`)
      const migration = await sharedMigration({ source: source.url, target: on.url(target.name, role) })
      const run = await migration.start({ ignoreWarnings: true })
      await run.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
      await change(source)
      await run.signal('cutover')
      await run.reach('the end', (s) => s.state === 'completed', 120)
      assert.deepEqual(await target.sql(STATE), await source.sql(STATE))
      await target.drop()
    } finally {
      await sql(on.url('postgres'), `drop role if exists ${role}`).catch(() => undefined)
    }
  })
}

/** One statement after the other, as an application sends them; the block between begin and commit is one transaction. */
async function change(source: TestDatabase): Promise<void> {
  const [before, block, after] = CHANGES.split(/begin;|commit;/)
  for (const statement of (before ?? '').split(';').filter((text) => text.trim())) await source.sql(statement)
  await source.sql(block ?? '')
  for (const statement of (after ?? '').split(';').filter((text) => text.trim())) await source.sql(statement)
}
