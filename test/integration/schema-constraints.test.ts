import assert from 'node:assert/strict'
import test from 'node:test'
import { prepareTargetTables } from '../../src/schema/prepare-target-tables.ts'
import { restoreIndexes } from '../../src/schema/restore-indexes.ts'
import { restoreDefinitions } from '../../src/schema/restore-definitions.ts'
import { pendingChanges, restoreObject } from '../../src/state/object-change.ts'
import { server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { sampleDatabase } from './schema-sample.ts'
import { reference, schemaRun, script } from './schema-run.ts'
import type { SchemaRun } from './schema-run.ts'

async function putBack({ target, id }: SchemaRun): Promise<void> {
  for (const change of await pendingChanges(target, id)) await restoreObject(target, id, change)
}

async function triggerStates(database: TestDatabase): Promise<string[]> {
  const rows = await database.sql(
    `select tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text as state from pg_trigger
      where tgname !~ '^RI_' and tgname !~ '^unique_key|_key_' and tgrelid::regclass::text !~ 'report' order by tgrelid::regclass::text, tgname`,
  )
  return rows.map(({ state }) => state ?? '')
}

for (const [from, to] of [[13, 17], [10, 18]] as const) {
  for (const replicaRole of [true, false]) {
    test(`${from} to ${to}, ${replicaRole ? 'with' : 'without'} replica role: nothing acts until cutover, then everything is as on the source`, async () => {
      const run = await schemaRun(from, to, sampleDatabase(from))
      const { target, id } = run
      await run.dump()
      await restoreDefinitions({ target, id, signal: run.signal })
      await prepareTargetTables({ target, id, incremental: true, replicaRole })
      await run.restore({ incremental: true, replicaRole })
      const off = await target.query(
        `select 1 from pg_trigger where tgrelid in ('app.orders'::regclass) and not tgisinternal and tgenabled <> 'D'
         union all select 1 from pg_rewrite where ev_class = 'app.lines'::regclass and ev_enabled <> 'D'
         union all select 1 from pg_attribute where attidentity = 'a'
         union all select 1 from pg_class where relforcerowsecurity and relnamespace <> 'pgmove'::regnamespace`,
      )
      assert.deepEqual(off, [])
      const keys = await target.query<{ name: string }>(
        `select conname as name from pg_constraint where contype = 'f' and conparentid = 0 and connamespace = 'app'::regnamespace
          and (confdeltype <> 'a' or confupdtype <> 'a' or not condeferred)`,
      )
      assert.equal(keys.length > 0, replicaRole)
      await putBack(run)
      // Keys that were replaced come back NOT VALID, for the cutover to validate.
      const invalid = await target.query<{ statement: string }>(
        `select format('alter table %s validate constraint %I', conrelid::regclass, conname) as statement from pg_constraint
          where contype = 'f' and not convalidated and conname <> 'old_rows'`,
      )
      assert.equal(invalid.length > 0, !replicaRole)
      for (const { statement } of invalid) await target.query(statement)
      assert.equal(await script(run.to), await reference(run.from, to))
    })
  }
} // prettier-ignore

test('what was on the target before is switched off and put back exactly, partitions with states of their own too', async () => {
  const existing = `
    create function public.f() returns trigger language plpgsql as $$ begin return null; end $$;
    create table public.root (id int generated always as identity, part int, primary key (id, part)) partition by list (part);
    create table public.leaf1 partition of public.root for values in (1);
    create table public.leaf2 partition of public.root for values in (2);
    create table public.sub partition of public.root for values in (3) partition by list (part);
    create table public.sub3 partition of public.sub for values in (3);
    create trigger t after insert on public.root for each row execute function public.f();
    create trigger always after insert on public.root for each row execute function public.f();
    create trigger "own of leaf" after insert on public.leaf2 for each row execute function public.f();
    alter table public.leaf1 disable trigger t;
    alter table public.sub3 enable replica trigger t;
    alter table public.root enable always trigger always;
    create table public.refers (id int, part int, foreign key (id, part) references public.root on delete cascade);
    create table public.other (a int);
    create trigger untouched after insert on public.other for each row execute function public.f();
    alter table public.leaf2 force row level security;`
  for (const major of [13, 17, 18]) {
    const run = await schemaRun(major, major, '')
    const { target, id } = run
    await run.to.sql(existing)
    for (const table of ['leaf1', 'leaf2', 'sub3', 'refers']) {
      await run.to.sql(
        `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table) values ('${id}', 'public', '${table}', 'public', '${table}')`,
      )
    }
    const before = [await script(run.to), await triggerStates(run.to)]
    await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
    await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
    assert.deepEqual(
      (await triggerStates(run.to)).filter((state) => !state.endsWith(' D')),
      ['other untouched O'],
    )
    const left = await target.query(
      `select 1 from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace union all select 1 from pg_attribute where attidentity = 'a' union all select 1 from pg_class where relforcerowsecurity`,
    )
    assert.deepEqual(left, [], String(major))
    await putBack(run)
    await run.to.sql('alter table public.refers validate constraint refers_id_part_fkey')
    assert.deepEqual([await script(run.to), await triggerStates(run.to)], before, String(major))
    // An attempt that was held up does not switch anything off behind the end.
    await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
    assert.deepEqual([await script(run.to), await triggerStates(run.to)], before, String(major))
  }
})

test('keys that the source has too come back as stand-ins', async () => {
  const sample =
    'create table public.a (id int primary key); create table public.b (a int constraint k references public.a on delete cascade)'
  const run = await schemaRun(13, 17, sample)
  await run.to.sql(sample)
  const { target, id } = run
  await run.dump()
  await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
  await run.restore({ incremental: true, replicaRole: false })
  const [key] = await target.query(
    `select conname, confdeltype, condeferred from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`,
  )
  assert.match(key?.['conname'] ?? '', /^pgmove_fk_/)
  assert.deepEqual([key?.['confdeltype'], key?.['condeferred']], ['a', 't'])
  const [change] = await pendingChanges(target, id)
  assert.deepEqual([change?.object, change?.own], ['"public"."b" "k"', 'f'])
  await putBack(run)
  await run.to.sql('alter table public.b validate constraint k')
  assert.equal(await script(run.to), await reference(run.from, 17))
})

test('an owner of the target database who is no superuser restores it', async () => {
  const role = uniqueName('owner')
  await sql((await server(17)).url('postgres'), `create role ${role} login`)
  const only = uniqueName('only_on_source')
  await sql((await server(13)).url('postgres'), `create role ${only}`)
  const run = await schemaRun(
    13,
    17,
    `create schema app; create table app.t (id int primary key, v int generated always as identity); create table app.u (t int references app.t on delete cascade);
     grant select on app.t to ${only}; alter table app.t force row level security; alter table app.t enable row level security;
     create function app.f() returns trigger language plpgsql as $$ begin return null; end $$;
     create trigger tr after insert on app.t for each row execute procedure app.f();
     create table app.p (id int) partition by list (id); create table app.p1 partition of app.p for values in (1);
     create trigger tr after insert on app.p for each row execute procedure app.f();`,
    role,
  )
  const { target, id } = run
  await run.dump()
  await restoreDefinitions({ target, id, signal: run.signal })
  await prepareTargetTables({ target, id, incremental: true, replicaRole: false })
  await run.restore({ incremental: true, replicaRole: false })
  await putBack(run)
  await run.to.sql('alter table app.u validate constraint u_t_fkey')
  const skipped = await run.notes('skipped')
  assert.match(
    skipped[`grants to "${only}"`] ?? '',
    new RegExp(`the target has no role "${only}": TABLE "app".t\\. The first: GRANT SELECT`),
  )
  assert.match(skipped['owner "postgres"'] ?? '', new RegExp(`^6 objects did not get this owner: "${role}" may not SET ROLE to "postgres"`))
  assert.equal(await script(run.to, '-x'), await script(run.from, '-x'))
  await run.from.sql(`drop owned by ${only}; drop role ${only}`)
  await target.close()
  await run.to.drop()
  await sql((await server(17)).url('postgres'), `drop role ${role}`)
})

test('the indexes of one table are built alone, those of partitions without their root', async () => {
  const run = await schemaRun(13, 17, sampleDatabase(13))
  const { target, id, signal } = run
  await run.dump()
  await restoreDefinitions({ target, id, signal })
  assert.equal(await restoreIndexes({ target, id, signal, table: { schema: 'app', name: 'events_2024' } }), 2)
  assert.equal(await restoreIndexes({ target, id, signal, table: { schema: 'app', name: 'events_2025_a' } }), 2)
  assert.equal(await restoreIndexes({ target, id, signal, table: { schema: 'app', name: 'orders' } }), 3)
  assert.equal(await restoreIndexes({ target, id, signal, table: { schema: 'app', name: 'orders' } }), 0)
  await run.restore()
  assert.equal(await script(run.to), await reference(run.from, 17))
})
