import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import { assertKeptSecret } from '../kept-secret.ts'
import { sharedMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { runRoleScript } from '../role-script.ts'
import { database, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase, TestServer } from '../servers.ts'
import { tlsServer } from '../tls-server.ts'

const LIMIT = { timeout: 300_000 }

/** Searched for afterwards where they must not be. */
const ROW = 'marked row value'
const [WRONG, RIGHT] = ['marked-wrong-password', 'marked-right-password']

const OBJECTS = `
create table teams (id int primary key, name text);
create table people (id int generated always as identity primary key, team int references teams on delete cascade on update cascade, boss int references people on delete set null);
create table badges (id int primary key, person int not null references people on delete restrict);
create table notes (id int primary key, team int default 1 references teams on delete set default on update cascade, text text);
alter table notes enable row level security;
create policy nobody on notes using (false);
create function shout() returns trigger language plpgsql as $$ begin raise exception 'a trigger fired'; end $$;
insert into teams select i, 'team ' || i from generate_series(1, 20) i;
insert into people (team, boss) select 1 + i % 20, nullif(i - 1, 0) from generate_series(1, 200) i;
insert into badges select i, 1 + i * 7 % 200 from generate_series(1, 20) i;
insert into notes select i, 1 + i % 20, '${ROW}' from generate_series(1, 50) i;
create trigger people_shout before update on people for each row execute procedure shout();
alter table people disable trigger people_shout;
alter table notes force row level security;
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
insert into notes values (900, 5, '${ROW} too');
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

/** Where a migration runs, and how it connects with a role. */
interface Place {
  readonly onSource: Pick<TestServer, 'url'>
  readonly onTarget: Pick<TestServer, 'url'>
  readonly connection: (side: 'source' | 'target', database: string, role: string) => Promise<Record<string, unknown>>
  readonly fence: 'none' | 'readOnly'
  /** What happens once the migration has begun. */
  readonly begun?: (run: RunningMigration) => Promise<void>
}

test(
  'the roles of deploy/roles are enough for all types; over TLS verified by both ends, with passwords, ended by a fence, 13 to 17',
  LIMIT,
  async () => {
    const hba = 'hostssl all all all scram-sha-256 clientcert=verify-full\n'
    const [source, target] = await Promise.all([tlsServer(13, hba), tlsServer(17, hba)])
    const sides = { source, target }
    const connection: Place['connection'] = async (side, name, role) => {
      const { server: on, file, verifiedUrl } = sides[side]
      await sql(on.url('postgres'), `set password_encryption = 'scram-sha-256'; alter role ${role} password '${RIGHT}'`)
      await writeFile(file('password'), side === 'source' ? RIGHT : WRONG, { mode: 0o600 })
      return { url: await verifiedUrl(name, role), password: { file: file('password') } }
    }
    const begun = async (run: RunningMigration): Promise<void> => {
      const { errors } = await run.reach('the wait', (s) => s.state === 'waiting')
      assert.match(errors.items.at(-1)?.message ?? '', /password authentication failed.*28P01/)
      await writeFile(target.file('password'), RIGHT)
      await run.signal('resume')
    }
    await migrate({ onSource: source.server, onTarget: target.server, connection, fence: 'readOnly', begun })
  },
)

test('the roles of deploy/roles are enough for all types, 10 to 18', LIMIT, async () => {
  const [onSource, onTarget] = [await server(10), await server(18)]
  const sides = { source: onSource, target: onTarget }
  const connection: Place['connection'] = (side, name, role) => Promise.resolve({ url: sides[side].url(name, role) })
  await migrate({ onSource, onTarget, connection, fence: 'none' })
})

async function migrate({ onSource, onTarget, connection, fence, begun }: Place): Promise<void> {
  const [owner, reader, mover] = [uniqueName('owner'), uniqueName('reader'), uniqueName('mover')]
  const source = await database(onSource)
  const target = await database(onTarget)
  try {
    await source.sql(`create role ${owner}; grant create on schema public to ${owner}; set role ${owner}; ${OBJECTS}`)
    await source.sql(`create role ${owner}_2; create table others (id int primary key); alter table others owner to ${owner}_2`)
    await target.sql(`create role ${owner}`)
    const fenced = fence === 'readOnly'
    if (fenced) await source.sql(`alter database ${source.name} owner to ${owner}`)
    await runRoleScript('source', source.url, { role: reader, incremental: 'yes', fence: fenced ? 'yes' : 'no' })
    await runRoleScript('target', target.url, { role: mover, owners: owner })
    const migration = await sharedMigration({ source: source.url, target: target.url })
    const run = await migration.start({
      source: await connection('source', source.name, reader),
      target: await connection('target', target.name, mover),
      ddl: 'capture',
      cutover: { fence, validate: 'counts' },
      ignoreWarnings: true,
    })
    await begun?.(run)
    const { precheck } = await run.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    assert.equal(precheck?.items.find(({ name }) => name === 'ddl_capture')?.status, 'Warning')
    await change(source)
    await run.signal('cutover')
    await run.reach('the end', (s) => s.state === 'completed', 120)
    assert.deepEqual(await target.sql(STATE), await source.sql(STATE))
    assert.deepEqual(await target.sql(OWNERS), [
      { name: 'badges', owner },
      { name: 'notes', owner },
      { name: 'others', owner: mover },
      { name: 'people', owner },
      { name: 'teams', owner },
    ])
    const lift = `begin read write; alter database "${source.name}" reset default_transaction_read_only; commit`
    assert.deepEqual((await run.result()).left, fenced ? [`fence readOnly (stays in force; this lifts it): ${lift}`] : [])
    if (fenced) await sql(onSource.url('postgres'), lift)
    const traces = { run, target, log: await migration.workerLog() }
    await assertKeptSecret([ROW, WRONG, RIGHT], traces)
    await assert.rejects(assertKeptSecret([reader], traces), /history holds reader_/, 'what stands there is found')
    for (const [on, role] of [
      [source, reader],
      [target, mover],
    ] as const) {
      assert.deepEqual(await on.sql('select rolsuper from pg_roles where rolname = $1', [role]), [{ rolsuper: 'f' }])
      // As the scripts say how to remove the roles.
      if (on === target) await on.sql(`drop schema pgmove cascade; reassign owned by ${role} to ${owner}`)
      await on.sql(`drop owned by ${role}; drop role ${role}`)
    }
  } finally {
    await source.drop()
    await target.drop()
    await sql(onSource.url('postgres'), `drop role if exists ${owner}, ${owner}_2, ${reader}`)
    await sql(onTarget.url('postgres'), `drop role if exists ${owner}, ${mover}`)
  }
}

const OWNERS = `select relname as name, pg_get_userbyid(relowner) as owner from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`

/** One statement after the other, as an application sends them; the block between begin and commit is one transaction. */
async function change(source: TestDatabase): Promise<void> {
  const [before, block, after] = CHANGES.split(/begin;|commit;/)
  for (const statement of (before ?? '').split(';').filter((text) => text.trim())) await source.sql(statement)
  await source.sql(block ?? '')
  for (const statement of (after ?? '').split(';').filter((text) => text.trim())) await source.sql(statement)
}
