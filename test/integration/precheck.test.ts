import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { connect } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { readOpenTransactions } from '../../src/precheck/check-open-transactions.ts'
import { runPrecheck, unknownObjects } from '../../src/precheck/run-precheck.ts'
import type { PrecheckItem } from '../../src/precheck/run-precheck.ts'
import { openMigrationRecord } from '../../src/state/migration-record.ts'
import { migrationId } from '../../src/state/migration-ref.ts'
import { ID, precheckPair, SPEC } from '../precheck-run.ts'
import { ownServer, server, sql, uniqueName } from '../servers.ts'

const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

/** A role that may log in and nothing else. */
async function role(admin: string, options = ''): Promise<string> {
  const name = uniqueName('role')
  await sql(admin, `create role ${name} login ${options}`)
  return name
}

/** Tests beside this one, on the same servers, have transactions open. */
const OF_THE_CLUSTER = new Set(['long_transactions', 'prepared_transactions', 'connections'])

/** The items that did not pass. */
function not(items: Record<string, PrecheckItem>): Record<string, string> {
  const open = Object.values(items).filter(({ name, status }) => status !== 'Passed' && !OF_THE_CLUSTER.has(name))
  return Object.fromEntries(open.map(({ name, status }) => [name, status]))
}

const OBJECTS = `
  create schema app;
  create table app.orders (id serial primary key, note varchar(20));
  create table app.customers (id int primary key, mail text not null unique);
  create view app.mails as select mail from app.customers;
  insert into app.orders (note) values ('x');
`

const ANY_NAMES = `
  create schema "we-ird ""Schema""";
  create table "we-ird ""Schema"""."täble, 'of' \\ {x}.$1 %I" ("col-umn ""x""" int primary key, "select" text unique);
  create sequence "we-ird ""Schema"""."seq\\uence";
`

for (const [from, to] of [
  [10, 18],
  [13, 17],
  [18, 17],
] as const) {
  test(`${from} to ${to}: a plain pair passes with every item, and nothing was changed`, async () => {
    const pair = await precheckPair(from, to)
    await pair.source.sql(OBJECTS + ANY_NAMES)
    const items = await pair.check()
    assert.deepEqual(not(items), {})
    assert.ok(Object.keys(items).length > 20)
    for (const { fix, expected } of Object.values(items)) assert.ok(fix === '' && expected !== '')
    assert.deepEqual(await pair.target.sql(`select nspname from pg_namespace where nspname = 'pgmove'`), [])
    assert.deepEqual(await pair.source.sql(`select nspname from pg_namespace where nspname = 'pgmove'`), [])
    assert.deepEqual(not(await pair.check({ types: ['schema'] })), {})
    assert.deepEqual(not(await pair.check({ types: ['schema', 'full'] })), { blocks_ddl: 'Warning' })
  })
}

test('same database on both sides; DDL capture', async () => {
  const pair = await precheckPair(17, 17)
  const [source, target] = [await pair.session('source'), await pair.session('source')]
  const items = await runPrecheck({ source, target, spec: SPEC, id: ID, signal: new AbortController().signal })
  assert.equal(items.find(({ name }) => name === 'same_database')?.status, 'Failed')
  await pair.source.sql(OBJECTS)
  assert.equal((await pair.check({ ddl: 'capture' }))['ddl_capture']?.status, 'Passed')
  assert.equal((await pair.check({ ddl: 'capture', types: ['schema'] }))['ddl_capture'], undefined)
})

test('settings of the source: wal_level, slots, WAL senders, limits of slots', async () => {
  const plain = await precheckPair(await server(13, { walLevel: 'replica' }), 17)
  await plain.source.sql(OBJECTS)
  const items = await plain.check()
  assert.deepEqual(not(items), { wal_level: 'Failed' })
  assert.match(items['wal_level']?.fix ?? '', /alter system set wal_level = logical/)
  assert.deepEqual(not(await plain.check({ types: ['schema'] })), {})

  const settings = { max_replication_slots: '1', max_wal_senders: '1', max_slot_wal_keep_size: '64MB' }
  const small = await precheckPair(await server(13, { settings }), 17)
  await small.source.sql(OBJECTS)
  assert.deepEqual(not(await small.check()), { slot_limits: 'Warning' })
  await small.source.sql(`select pg_create_logical_replication_slot('taken', 'test_decoding')`)
  assert.deepEqual(not(await small.check()), { slot_limits: 'Warning', replication_slots: 'Failed' })
  await small.source.sql(`select pg_drop_replication_slot('taken')`)
  await small.source.sql(`select pg_create_logical_replication_slot('dts_sync_${ID}', 'test_decoding')`)
  assert.deepEqual(not(await small.check()), { slot_limits: 'Warning' }, 'its own slot is no hindrance')
})

test('lock table of the source: a warning where it may be too small, failed where it is, with the value to set', async () => {
  const settings = { max_connections: '20', max_wal_senders: '5', max_worker_processes: '4', max_prepared_transactions: '0' }
  const small = await precheckPair(await server(13, { settings: { ...settings, max_locks_per_transaction: '10' } }), 17)
  const tables = (from: number, to: number) =>
    small.source.sql(`do $$ begin for i in ${from}..${to} loop execute format('create table public.t%s ()', i); end loop; end $$`)
  const check = async () => (await small.check({ types: ['schema'] }))['lock_table']
  // Room for about 10 * (20 + 5 + 4 + 3 autovacuum workers + 1).
  await tables(1, 150)
  assert.equal((await check())?.status, 'Passed')
  for (const at of [151, 251]) await tables(at, at + 99)
  const item = await check()
  assert.equal(item?.status, 'Warning')
  assert.match(item?.fix ?? '', /On the source \(now 10\): alter system set max_locks_per_transaction = 14; then restart the server/)
  for (const at of [351, 451]) await tables(at, at + 99)
  assert.equal((await check())?.status, 'Failed')

  const into = await precheckPair(13, small.on.source)
  await into.source.sql(`do $$ begin for i in 1..70 loop execute format('create table public.t%s ()', i); end loop; end $$`)
  const copied = await into.check()
  assert.equal(copied['lock_table']?.status, 'Warning')
  assert.match(copied['lock_table'].fix, /^On the target \(now 10\): alter system set max_locks_per_transaction = 11; then restart/)
  assert.equal((await into.check({ types: ['schema'] }))['lock_table']?.status, 'Passed')
  const many = (await into.check({ copy: { tableJobs: 9, indexJobs: 9 } }))['connections']
  assert.equal(many?.status, 'Warning')
  assert.match(many.fix, /on the target: end \d+ sessions, or: alter system set max_connections = \d+; then restart the server/)

  // Of sessions of others a plain role does not see what they are, and counts them all the same.
  const user = await role(into.on.target.url(into.target.name))
  const idle = await Promise.all(Array.from({ length: 5 }, () => into.session('target')))
  const seen = (await into.check({}, { target: user }))['connections']
  assert.ok(Number(/on the target (\d+) of/.exec(seen?.found ?? '')?.[1]) <= 20 - 3 - 5, seen?.found)
  for (const session of idle) await session.close()
  await into.target.sql(`drop role ${user}`)
})

test('rights on the source: every missing one is named with the statement that gives it, and then passes', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  const admin = pair.on.source.url(pair.source.name)
  const user = await role(admin)
  try {
    const first = await pair.check({}, { source: user })
    assert.deepEqual(not(first), {
      replication_role: 'Failed',
      source_rights: 'Failed',
      source_ownership: 'Failed',
      source_create: 'Failed',
    })
    assert.ok(first['source_rights']?.objects.includes('"app"."orders"'))
    assert.ok(first['source_rights']?.objects.includes('sequence "app"."orders_id_seq"'))
    assert.match(
      first['source_ownership']?.fix ?? '',
      /^grant "postgres" to .* \/\* as much as being a superuser, as "postgres" is; instead: /,
    )
    for (const name of ['replication_role', 'source_rights', 'source_ownership', 'source_create']) await sql(admin, first[name]?.fix ?? '')
    assert.deepEqual(not(await pair.check({ ddl: 'capture' }, { source: user })), { ddl_capture: 'Warning' })
    const reader = await role(admin)
    const lacking = await pair.check({ types: ['schema', 'full'] }, { source: reader })
    assert.deepEqual(not(lacking), { source_rights: 'Failed', blocks_ddl: 'Warning' })
    await sql(admin, lacking['source_rights']?.fix ?? '')
    assert.deepEqual(not(await pair.check({ types: ['schema', 'full'] }, { source: reader })), { blocks_ddl: 'Warning' })
    await sql(admin, `drop owned by ${reader}`)
    await sql(admin, `drop role ${reader}`)
  } finally {
    await sql(admin, `drop owned by ${user}`)
    await sql(admin, `drop role ${user}`)
  }
})

test('room for the sessions of all jobs; sequences near their end', async () => {
  const pair = await precheckPair(10, 18)
  await pair.source.sql(OBJECTS)
  const admin = pair.on.source.url(pair.source.name)
  const user = await role(admin, 'connection limit 13')
  try {
    const jobs = { types: ['schema', 'full'] as const, copy: { tableJobs: 4, indexJobs: 2 } }
    const narrow = (await pair.check(jobs, { source: user }))['connections']
    assert.equal(narrow?.status, 'Warning')
    assert.match(narrow.found, /^free on the source 12 of 14 needed/)
    assert.equal((await pair.check({ ...jobs, copy: { tableJobs: 2, indexJobs: 2 } }, { source: user }))['connections']?.status, 'Passed')
    await sql(admin, /alter role \S+ connection limit -1/.exec(narrow.fix)?.[0] ?? '')
    assert.equal((await pair.check(jobs, { source: user }))['connections']?.status, 'Passed')
    await sql(admin, `alter database ${pair.source.name} connection limit 9`)
    const closed = (await pair.check(jobs, { source: user }))['connections']
    assert.match(closed?.found ?? '', /^free on the source \d of 14 needed/)
    await sql(admin, /alter database \S+ connection limit -1/.exec(closed?.fix ?? '')?.[0] ?? '')
    assert.equal((await pair.check(jobs, { source: user }))['connections']?.status, 'Passed')
  } finally {
    await sql(admin, `drop role ${user}`)
  }
  await pair.source.sql(`create table app.old (id smallserial primary key, n smallint); select setval('app.old_id_seq', 29490);
    create sequence app.down increment -1 minvalue -10 maxvalue -1; select setval('app.down', -10)`)
  const near = (await pair.check())['sequences_near_end']
  assert.deepEqual([near?.status, near?.objects], ['Warning', ['"app"."down" (100 %)']])
  await pair.source.sql(`select setval('app.old_id_seq', 29492)`)
  assert.deepEqual((await pair.check())['sequences_near_end']?.objects, ['"app"."down" (100 %)', '"app"."old_id_seq" (90 %)'])
})

test('rows hidden by a policy; its owner and who bypasses it see them', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  await pair.source.sql(`alter table app.orders enable row level security; create policy mine on app.orders using (note = current_user)`)
  const admin = pair.on.source.url(pair.source.name)
  const user = await role(admin)
  try {
    await sql(
      admin,
      `grant usage on schema app to ${user}; grant select on all tables in schema app to ${user}; grant select on all sequences in schema app to ${user}`,
    )
    const items = await pair.check({ types: ['full'] }, { source: user })
    assert.equal(items['row_security']?.status, 'Failed')
    assert.deepEqual(items['row_security']?.objects, ['"app"."orders"'])
    await sql(admin, items['row_security']?.fix ?? '')
    assert.equal((await pair.check({ types: ['full'] }, { source: user }))['row_security']?.status, 'Passed')
    await sql(admin, `alter role ${user} nobypassrls; alter table app.orders owner to ${user}`)
    assert.equal((await pair.check({ types: ['full'] }, { source: user }))['row_security']?.status, 'Passed')
    await sql(admin, `alter table app.orders force row level security`)
    assert.equal((await pair.check({ types: ['full'] }, { source: user }))['row_security']?.status, 'Failed')
  } finally {
    await sql(admin, `drop owned by ${user}`)
    await sql(admin, `drop role ${user}`)
  }
})

test('10: a TRUNCATE trigger needs the language and the owner', async () => {
  const pair = await precheckPair(10, 18)
  await pair.source.sql(OBJECTS)
  const admin = pair.on.source.url(pair.source.name)
  const user = await role(admin, 'replication')
  try {
    assert.equal((await pair.check({}, { source: user }))['truncate_trigger']?.status, 'Failed')
    await sql(
      admin,
      `alter table app.orders owner to ${user}; alter table app.customers owner to ${user}; grant usage on schema app to ${user}`,
    )
    assert.equal((await pair.check({}, { source: user }))['truncate_trigger']?.status, 'Passed')
    await sql(admin, 'drop extension plpgsql')
    assert.equal((await pair.check())['truncate_trigger']?.status, 'Failed')
  } finally {
    await sql(admin, `drop owned by ${user} cascade`)
    await sql(admin, `drop role ${user}`)
  }
})

test('owners that a target role can not give objects to are told, with the grant that lets it', async () => {
  const pair = await precheckPair(13, 17)
  const admin = pair.on.target.url(pair.target.name)
  const [user, owner] = [await role(admin), uniqueName('owner')]
  try {
    await sql(pair.on.source.url('postgres'), `create role ${owner}`)
    await pair.source.sql(`create table owned (id int primary key); alter table owned owner to ${owner}`)
    await sql(admin, `create role ${owner}; grant ${owner} to ${user}; grant create, usage on schema public to ${user}`)
    const first = (await pair.check({}, { target: user }))['roles']
    const [note] = first?.objects.filter((text) => text.startsWith(`"${owner}"`)) ?? []
    const grant = /may not let it: (grant create on schema "public" to .* with grant option)$/.exec(note ?? '')?.[1]
    assert.ok(grant, JSON.stringify(first))
    await sql(admin, grant)
    const second = (await pair.check({}, { target: user }))['roles']
    assert.ok(!second?.objects.some((text) => text.startsWith(`"${owner}"`)), JSON.stringify(second))
  } finally {
    await pair.source.drop()
    await sql(pair.on.source.url('postgres'), `drop role if exists ${owner}`)
    await sql(admin, `drop owned by ${user} cascade; drop role ${user}, ${owner}`)
  }
})

test('rights on the target: database, schemas, tables that are there, foreign keys without replica role', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  const admin = pair.on.target.url(pair.target.name)
  const user = await role(admin)
  try {
    const fresh = await pair.check({}, { target: user })
    assert.deepEqual(not(fresh), { target_create: 'Failed' })
    await sql(admin, fresh['target_create']?.fix ?? '')
    const closed = await pair.check({}, { target: user })
    assert.deepEqual(not(closed), {}, 'public of the source holds nothing')

    await sql(
      admin,
      `create schema app; create table app.customers (id int primary key, mail text not null unique);
      create table app.orders (id serial primary key, note varchar(20)); create table other (customer int references app.customers)`,
    )
    const there = await pair.check({ types: ['full', 'incremental'] }, { target: user })
    assert.deepEqual(not(there), { target_create: 'Failed', target_rights: 'Failed', target_foreign_keys: 'Failed' })
    await sql(admin, there['target_create']?.fix ?? '')
    await sql(admin, there['target_rights']?.fix ?? '')
    const granted = await pair.check({ types: ['full', 'incremental'] }, { target: user })
    assert.deepEqual(not(granted), { target_foreign_keys: 'Failed' })
    assert.deepEqual(granted['target_foreign_keys']?.objects, ['"other_customer_fkey" on "public"."other"'])
    await sql(admin, `grant set on parameter session_replication_role to ${user}`)
    assert.deepEqual(not(await pair.check({ types: ['full', 'incremental'] }, { target: user })), {})
    const replacing = await pair.check({ types: ['full', 'incremental'], existing: 'replace' }, { target: user })
    assert.deepEqual(not(replacing), { target_foreign_keys: 'Failed' }, 'TRUNCATE is refused while another table refers to it')
    await sql(admin, `create trigger t before insert on app.orders for each row execute function suppress_redundant_updates_trigger()`)
    const acting = await pair.check({ types: ['full', 'incremental'] }, { target: user })
    assert.deepEqual(not(acting), { target_rights: 'Failed' })
    await sql(admin, `alter table app.orders disable trigger t`)
    assert.deepEqual(not(await pair.check({ types: ['full', 'incremental'] }, { target: user })), {})
  } finally {
    await sql(admin, `drop owned by ${user} cascade`)
    await sql(admin, `drop role ${user}`)
  }
})

test('a schema pgmove that is not ours', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  const target = await pair.session('target')
  await openMigrationRecord(target, { namespace: 'n', workflowId: 'w', firstRunId: 'r' })
  assert.deepEqual(not(await pair.check()), {})
  await pair.source.sql('create schema pgmove')
  assert.deepEqual(not(await pair.check()), { pgmove_schema: 'Failed' })
  assert.deepEqual(not(await pair.check({ types: ['schema'] })), {}, 'without changes nothing is made on the source')
  await pair.source.sql(`comment on schema pgmove is 'objects of migrations run by pgmove, format 1'`)
  assert.deepEqual(not(await pair.check()), {})
  await pair.target.sql(`comment on schema pgmove is 'mine'`)
  assert.deepEqual(not(await pair.check()), { pgmove_schema: 'Failed' })
})

test('rows on the target: whose they are, and when they are no hindrance', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(
    `${OBJECTS} create table parted (a int) partition by range (a); create table parted_1 partition of parted for values from (1) to (9)`,
  )
  await pair.target.sql(`create schema app; create table app.orders (id serial primary key, note varchar(20));
    create table parted (a int) partition by range (a); create table parted_1 partition of parted for values from (1) to (9)`)
  assert.equal((await pair.check())['target_empty']?.status, 'Passed')
  await pair.target.sql(`insert into app.orders (note) values ('x')`)
  const filled = await pair.check()
  assert.deepEqual(not(filled), { replica_identity: 'Warning', target_empty: 'Failed' })
  assert.deepEqual(filled['target_empty']?.objects, ['"app"."orders"'])
  assert.equal((await pair.check({ existing: 'replace' }))['target_empty'], undefined)
  assert.equal((await pair.check({ types: ['schema', 'incremental'] }))['target_empty'], undefined)
  assert.equal((await pair.check({ exclude: [{ schema: 'app', table: 'orders' }] }))['target_empty']?.status, 'Passed')
  await pair.target.sql(`delete from app.orders; insert into parted values (1)`)
  assert.deepEqual((await pair.check())['target_empty']?.objects, ['"public"."parted_1"'])

  const target = await pair.session('target')
  const ref = { namespace: 'n', workflowId: 'shop', firstRunId: 'r' }
  await openMigrationRecord(target, ref)
  await target.query(
    `insert into pgmove.migrated_table (id, source_schema, source_table, target_schema, target_table, attempts) values ($1, 'public', 'parted_1', 'public', 'parted_1', 1)`,
    [migrationId(ref)],
  )
  const earlier = (await pair.check())['target_empty']
  assert.equal(earlier?.status, 'Failed')
  assert.match(earlier.found, /earlier run of pgmove.*workflow shop/)
  assert.match(earlier.fix, /"existing": "replace"/)
  const source = await pair.session('source')
  const own = await runPrecheck({ source, target, spec: SPEC, id: migrationId(ref), signal: new AbortController().signal })
  assert.equal(own.find(({ name }) => name === 'target_empty')?.status, 'Passed')
})

test('without "schema" the tables must be there and fit', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(`
    create type mood as enum ('sad', 'happy');
    create domain amount as numeric(10, 2);
    create table fits (a int primary key, b varchar(5), m mood, p amount, c int generated always as (a + 1) stored);
    create table missing (a int primary key);
    create table narrow (a bigint primary key, b text, m mood, gone int, g int generated always as (a::int + 1) stored);
    create table strict (a int primary key, b int, c text);
    create table seen (a int primary key);`)
  await pair.target.sql(`
    create type mood as enum ('sad', 'so so', 'happy');
    create table fits (b text, a bigint primary key, m mood, p numeric(12, 2), c int generated always as (a + 1) stored, more int default 7, other text);
    create schema s; create type s.mood as enum ('sad');
    create table narrow (a int primary key, b varchar(10), m s.mood, g int, needed int not null);
    create table strict (a int primary key, b int unique, c text not null check (c <> ''));
    create unique index strict_lower on strict (lower(c));
    create view seen as select 1 as a;`)
  const items = await pair.check({ types: ['full', 'incremental'] })
  assert.deepEqual(not(items), { target_tables: 'Failed', target_differences: 'Warning' })
  assert.deepEqual(items['target_tables']?.objects, [
    '"public"."missing" is missing',
    '"public"."narrow": column "a" is integer, the source\'s bigint',
    '"public"."narrow": column "b" is character varying(10), the source\'s text',
    '"public"."narrow": column "m" is s.mood, the source\'s public.mood',
    '"public"."narrow": column "gone" is missing',
    '"public"."narrow": column "g" is generated on one side only',
    '"public"."narrow": column "needed" is not on the source and needs a value',
    '"public"."seen": it is no table',
    '"public"."strict": "strict_b_key" is a unique or exclusion constraint that the source does not have',
    '"public"."strict": "strict_lower" is a unique or exclusion constraint that the source does not have',
  ])
  assert.deepEqual(
    items['target_differences']?.objects.filter((text) => text.includes('strict')),
    ['"public"."strict": column "c" is NOT NULL on the target only', '"public"."strict": a CHECK constraint is on the target only'],
  )
  const fitting = await pair.check({ types: ['full', 'incremental'], objects: [{ schema: 'public', table: 'fits' }] })
  assert.deepEqual(not(fitting), {})
  await pair.target.sql(`alter table fits drop constraint fits_pkey; alter type mood rename value 'happy' to 'merry'`)
  const slow = await pair.check({ types: ['full', 'incremental'], objects: [{ schema: 'public', table: 'fits' }] })
  assert.deepEqual(not(slow), { target_tables: 'Failed', target_differences: 'Warning' })
  assert.equal((await pair.check())['target_tables'], undefined)
})

test('without a full copy', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  assert.equal((await pair.check({ types: ['schema', 'incremental'] }))['no_full_copy']?.status, 'Failed')
  await pair.source.sql('delete from app.orders')
  assert.equal((await pair.check({ types: ['schema', 'incremental'] }))['no_full_copy']?.status, 'Warning')
  assert.equal((await pair.check({ types: ['incremental'] }))['no_full_copy']?.status, 'Warning')
  assert.equal((await pair.check())['no_full_copy'], undefined)
})

test('replica identity: a warning, or failed where FULL would stop the application', async () => {
  const pair = await precheckPair(18, 17)
  await pair.source.sql(`create table keyed (a int primary key, v int generated always as (a + 1) virtual);
    create table keyless (a int); create unlogged table fleeting (a int); create table deferred (a int primary key deferrable)`)
  const items = await pair.check()
  assert.deepEqual(not(items), { newer_features: 'Failed', replica_identity: 'Warning', unlogged_tables: 'Warning' })
  assert.deepEqual(items['replica_identity']?.objects, ['"public"."deferred"', '"public"."keyless"'])
  assert.deepEqual(items['unlogged_tables']?.objects, ['"public"."fleeting"'])
  assert.equal(items['deferrable_keys']?.objectCount, 1)
  assert.deepEqual(not(await pair.check({ types: ['schema', 'full'] })), { blocks_ddl: 'Warning', newer_features: 'Failed' })
  await pair.source.sql(`alter table keyless add column v int generated always as (a + 1) virtual`)
  const failed = (await pair.check())['replica_identity']
  assert.equal(failed?.status, 'Failed')
  assert.deepEqual(failed.objects, ['"public"."keyless"'])
})

test('large objects: whether they go along, may be read, and find their OIDs free', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(`create table plain (a int primary key); create table document (a int primary key, content oid)`)
  const item = async (spec: Parameters<typeof pair.check>[0] = {}, as: Parameters<typeof pair.check>[1] = {}) => {
    const { status, found, fix, objects } = (await pair.check(spec, as))['large_objects'] ?? {}
    return { status, found, fix, objects }
  }
  assert.equal((await item()).status, 'Passed')
  await pair.source.sql(`select lo_from_bytea(100, 'one'), lo_from_bytea(101, 'two')`)
  assert.equal((await item()).status, 'Warning')
  const [plain, document] = ['plain', 'document'].map((table) => ({ objects: [{ schema: 'public', table }] }))
  const leftOut = await item(plain)
  assert.equal(leftOut.status, 'Passed')
  assert.match(leftOut.found ?? '', /left out/)
  assert.equal((await item(document)).status, 'Warning')
  assert.deepEqual(
    [(await item({ types: ['schema', 'full'] })).status, (await item({ types: ['incremental'] })).status],
    ['Passed', 'Warning'],
  )

  await pair.target.sql(`select lo_from_bytea(100, 'one'), lo_from_bytea(101, 'other'), lo_from_bytea(102, 'of the target')`)
  const taken = await item()
  assert.deepEqual([taken.status, taken.objects], ['Failed', ['large object 101']])
  assert.equal((await item({ existing: 'replace' })).status, 'Warning')

  const role = uniqueName('closed')
  for (const on of [pair.on.source, pair.on.target]) await sql(on.url('postgres'), `create role "${role}" login`)
  try {
    const foreign = await item({ existing: 'replace' }, { target: role })
    assert.deepEqual([foreign.status, foreign.fix, foreign.objects?.length], ['Failed', `grant "postgres" to "${role}"`, 2])
    await pair.target.sql('select lo_unlink(101)')
    const closed = await item({}, { source: role })
    assert.equal(closed.status, 'Failed')
    assert.ok(closed.fix?.startsWith(`grant select on large object 100, 101 to "${role}"; or`), closed.fix)
    await pair.source.sql(closed.fix?.split(';')[0] ?? '')
    assert.equal((await item({}, { source: role })).status, 'Warning')
    await pair.source.sql(`select lo_create(n::oid) from generate_series(200, 300) n`)
    const many = await item({}, { source: role })
    assert.equal(many.objects?.length, 10)
    await pair.source.sql((many.fix ?? '').split('; or, for')[0] ?? '')
    assert.equal((await item({}, { source: role })).status, 'Warning')
  } finally {
    await pair.source.sql(`drop owned by "${role}"`)
    for (const on of [pair.on.source, pair.on.target]) await sql(on.url('postgres'), `drop role "${role}"`)
  }
})

test('what does not go along: large objects, OIDs, removed types, event triggers', async () => {
  const pair = await precheckPair(10, 18)
  await pair.source.sql(`create table plain (a int primary key)`)
  assert.deepEqual(not(await pair.check()), {})
  await pair.source.sql(`create table oids (a int primary key) with oids; select lo_create(0);
    create domain old as abstime; create table old_types (a int primary key, b reltime, c tinterval[], d old);
    create function f() returns event_trigger language plpgsql as 'begin end'; create event trigger e on ddl_command_end execute procedure f()`)
  const items = await pair.check()
  assert.deepEqual(not(items), { large_objects: 'Warning', tables_with_oids: 'Warning', removed_types: 'Failed' })
  assert.match(items['large_objects']?.fix ?? '', /brought up to date/)
  assert.deepEqual(
    items['removed_types']?.objects,
    ['b', 'c', 'd'].map((column) => `"public"."old_types"."${column}"`),
  )
  assert.deepEqual(items['event_triggers']?.objects, ['"e"'])
  const later = await precheckPair(pair.on.target, 17)
  assert.equal((await later.check())['removed_types'], undefined)
})

test('an extension that the target can not have, and a list of extensions that can not be read', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  assert.equal((await pair.check())['extensions']?.found, 'none')
  // No extension is at hand that one server has and the other lacks: a catalogue row stands for it.
  await pair.source.sql(
    `insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) values (99999, 'far_away', 10, 2200, false, '1')`,
  )
  assert.deepEqual(not(await pair.check()), { extensions: 'Failed' })
  assert.deepEqual((await pair.check())['extensions']?.objects, ['"far_away"'])
  assert.equal((await pair.check({ objects: [{ schema: 'app' }] }))['extensions']?.status, 'Warning')
  assert.equal((await pair.check({ types: ['full'] }))['extensions'], undefined)
  await pair.source.sql(`delete from pg_extension where oid = 99999`)

  const into10 = await precheckPair(13, 10)
  await into10.source.sql(
    `insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) values (99999, 'far_away', 10, 2200, false, '1')`,
  )
  const unreadable = (await into10.check())['extensions']
  assert.equal(unreadable?.status, 'Warning')
  assert.match(unreadable.found, /could not be checked/)
  await into10.source.sql(`delete from pg_extension where oid = 99999`)
})

test('encodings', async () => {
  const pair = await precheckPair(13, 17)
  const admin = pair.on.source.url('postgres')
  const name = uniqueName('ascii')
  await sql(admin, `create database ${name} template template0 encoding 'SQL_ASCII'`)
  try {
    const ascii = { ...pair, url: pair.on.source.url(name) }
    await sql(ascii.url, 'create table t (a int primary key)')
    const source = await connect(await resolveConnection({ url: ascii.url }, 'source', {}), { side: 'source', applicationName: 'ascii' })
    const target = await pair.session('target')
    const status = async (types: typeof SPEC.types) =>
      (await runPrecheck({ source, target, spec: { ...SPEC, types }, id: ID, signal: new AbortController().signal })).find(
        (item) => item.name === 'encoding',
      )?.status
    assert.equal(await status(['schema', 'full', 'incremental']), 'Failed')
    assert.equal(await status(['schema', 'full']), 'Warning')
    await source.close()
    await sql(admin, `create database ${name}_latin template template0 encoding 'LATIN1'`)
    const other = await precheckPair(17, 13)
    assert.equal((await other.check())['encoding']?.status, 'Passed')
    assert.equal((await other.check({}, {}, { target: `${name}_latin` }))['encoding']?.status, 'Warning')
    assert.equal((await pair.check({}, {}, { source: `${name}_latin` }))['encoding']?.status, 'Passed')
  } finally {
    await sql(admin, `drop database ${name}`)
    await sql(admin, `drop database if exists ${name}_latin`)
  }
})

test('transactions that hold up the slot', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(OBJECTS)
  await pair.source.sql(`begin; insert into app.orders (note) values ('y'); prepare transaction 'two phases'`)
  const items = await pair.check()
  assert.equal(items['prepared_transactions']?.status, 'Warning')
  assert.ok(items['prepared_transactions']?.objects.some((text) => text.startsWith('two phases in ')))
  assert.equal((await pair.check({ types: ['schema'] }))['prepared_transactions'], undefined)
  await pair.source.sql(`rollback prepared 'two phases'`)
})

test('patterns that match nothing warn; plain names that are not there are problems of the spec', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(
    `${OBJECTS} create table parted (a int) partition by range (a); create table parted_1 partition of parted for values from (1) to (9); create table "a*b" (a int primary key)`,
  )
  const spec = {
    objects: [
      { schema: 'app', table: 'ord*' },
      { schema: 'app', table: 'x*' },
      { schema: 'public', table: 'a\\*b' },
    ],
    exclude: [{ schema: 'a*', table: 'customers' }, { schema: 'b*' }, { schema: 'app', table: 'y*' }],
  }
  const item = (await pair.check(spec))['selection']
  assert.equal(item?.status, 'Warning')
  assert.deepEqual(item.objects, ['$.objects[1].table', '$.exclude[1]', '$.exclude[2]'])
  assert.equal((await pair.check({ objects: [{ schema: 'public', table: 'z*' }] }))['selection']?.status, 'Warning')
  const source = await pair.session('source')
  assert.deepEqual(await unknownObjects(source, spec), [])
  const problems = await unknownObjects(source, {
    objects: [
      { schema: 'app' },
      { schema: 'App' },
      { schema: 'app', table: 'order' },
      { schema: 'public', table: 'parted_1' },
      { schema: 'pg_catalog' },
      { schema: 'app', table: 'mails' },
    ],
    exclude: [{ schema: 'public', table: 'nothing' }, { schema: '*', table: 'nothing' }, { schema: 'nowhere' }],
  })
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['$.objects[1].schema', '$.objects[2].table', '$.objects[3].table', '$.objects[4].schema', '$.exclude[0].table', '$.exclude[2].schema'],
  )
  assert.deepEqual(await unknownObjects(source, { objects: null, exclude: [] }), [])
})

test('a long transaction is seen, a lost connection is no item; standbys', async () => {
  const own = await ownServer(13)
  const pair = await precheckPair({ major: 13, port: own.port, url: (name, user) => own.url(name, user) }, 17)
  await pair.source.sql(OBJECTS)
  const source = await pair.session('source')
  const target = await pair.session('target')
  assert.equal((await pair.check())['long_transactions']?.status, 'Passed')
  assert.deepEqual(await readOpenTransactions(source, '0 seconds'), [])
  const client = new pg.Client({ connectionString: pair.source.url })
  client.on('error', () => undefined)
  clients.push(client)
  await client.connect()
  await client.query('begin')
  await client.query('select txid_current()')
  assert.deepEqual(await readOpenTransactions(source, '5 minutes'), [])
  assert.deepEqual(
    (await readOpenTransactions(source, '0 seconds')).map(({ role }) => role),
    ['postgres'],
  )
  const [folder] = await pair.source.sql('show data_directory')
  await own.crash()
  await assert.rejects(
    runPrecheck({ source, target, spec: SPEC, id: ID, signal: new AbortController().signal }),
    (error: unknown) => error instanceof MigrationError && error.kind === 'ConnectionLost',
  )

  assert.equal((await precheckPair(13, 17).then((primaries) => primaries.check()))['standby']?.status, 'Passed')
  await writeFile(path.join(folder?.['data_directory'] ?? '', 'standby.signal'), '')
  await own.restart()
  const { standby } = await pair.check()
  assert.deepEqual([standby?.status, standby?.found], ['Failed', 'the source is a standby'])
  const copied = await pair.check({ types: ['schema', 'full'] })
  assert.deepEqual([copied['standby']?.status, copied['standby']?.found], ['Warning', 'the source is a standby'])
  assert.deepEqual(Object.values(copied).filter(({ status }) => status === 'Failed'), []) // prettier-ignore
  const into = await pair.check({}, {}, {}, 'exchanged')
  assert.deepEqual([into['standby']?.status, into['standby']?.found], ['Failed', 'the target is a standby'])
  await rm(path.join(folder?.['data_directory'] ?? '', 'standby.signal'))
  await own.restart()
})
