import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { connect } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { preparedTransactions, longTransactionsOver } from '../../src/precheck/check-open-transactions.ts'
import { pooler } from '../../src/precheck/check-server-resources.ts'
import { pgDump, versions } from '../../src/precheck/check-versions.ts'
import type { PrecheckContext } from '../../src/precheck/precheck-context.ts'
import type { PrecheckItem } from '../../src/precheck/run-precheck.ts'
import { poolingProxy } from '../pooling-proxy.ts'
import { precheckPair } from '../precheck-run.ts'
import { server, sql, uniqueName } from '../servers.ts'

const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

/** Status and objects of an item. */
function told(item: PrecheckItem | undefined): unknown[] {
  return [item?.status, ...(item?.objects ?? [])]
}

test('13 to 17: what the target no longer takes, or takes otherwise; foreign tables', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(`
    create type mood as enum ('sad', 'happy'); create domain shown as mood; create type mood_range as range (subtype = mood);
    create table plain (a int primary key, b text);
    create table by_text (t text primary key) partition by hash (t);
    create foreign data wrapper wrapper; create server far foreign data wrapper wrapper; create foreign table away (a int) server far`)
  const names = ['removed_features', 'removed_types', 'reference_types', 'hash_partitions', 'foreign_tables']
  const { always_triggers: none } = await pair.check()
  assert.deepEqual([none?.status, none?.found], ['Passed', 'none'])
  await pair.source.sql(`create function f() returns trigger language plpgsql as 'begin return null; end';
    create trigger plainly after insert on plain execute function f(); create trigger even after insert on plain execute function f();
    alter table plain enable always trigger even; create rule only_there as on delete to plain do nothing; alter table plain enable replica rule only_there`)
  const before = await pair.check()
  assert.deepEqual(names.map((name) => told(before[name])), [['Passed'], [undefined], ['Passed'], ['Passed'], ['Passed', '"public"."away" of server "far"']]) // prettier-ignore
  assert.deepEqual(told(before['always_triggers']), ['Passed', 'rule "only_there" on "public"."plain" (REPLICA)', 'trigger "even" on "public"."plain" (ALWAYS)']) // prettier-ignore
  await pair.source.sql(`
    create function half(int) returns int language sql as 'select $1'; create operator #!# (leftarg = int, procedure = half);
    create operator !#! (rightarg = int, procedure = half);
    create aggregate collected(anyelement) (sfunc = array_append, stype = anyarray, initcond = '{}');
    create aggregate total(int) (sfunc = int4pl, stype = int);
    create operator #+# (leftarg = anyarray, rightarg = anyelement, procedure = array_append);
    create conversion plain_latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
    create function to_utf8(int, int, cstring, internal, int) returns void language c strict as '$libdir/utf8_and_iso8859_1', 'iso8859_1_to_utf8';
    create conversion latin for 'LATIN1' to 'UTF8' from to_utf8;
    create type box_of as (m mood_range);
    create table by_mood (m shown not null, b box_of not null) partition by hash (m);
    create table by_name (r regclass not null) partition by hash (r);
    create table refers (a int primary key, r regrole[], p regprocedure, o oid, x mood_range)`)
  const items = await pair.check()
  assert.deepEqual(told(items['removed_features']), [
    'Failed',
    'public.#!# (postfix operator)',
    'public.#+# (operator on array_append)',
    'public.collected(anyelement) (aggregate with array_append of anyarray)',
    'public.latin (conversion)',
  ])
  assert.deepEqual(told(items['hash_partitions']), ['Failed', 'public.by_mood', 'public.by_name'])
  assert.deepEqual(told(items['reference_types']), [
    'Warning',
    '"public"."by_name"."r" (regclass)',
    '"public"."refers"."r" (regrole[])',
    '"public"."refers"."p" (regprocedure)',
  ])
  const few = await pair.check({ objects: [{ schema: 'public', table: 'plain' }] })
  assert.deepEqual(names.map((name) => few[name]?.status), ['Passed', undefined, 'Passed', 'Passed', 'Passed']) // prettier-ignore
  assert.equal((await pair.check({ types: ['schema'] }))['hash_partitions'], undefined)
  assert.equal((await pair.check({ types: ['full'] }))['hash_partitions']?.status, 'Warning')
  const back = await precheckPair(pair.on.target, 13)
  assert.equal((await back.check())['removed_features'], undefined)
})

test('settings of roles and databases: timeouts, read-only, temporary files, workers', async () => {
  const pair = await precheckPair(13, 17)
  const admin = { source: pair.on.source.url(pair.source.name), target: pair.on.target.url(pair.target.name) }
  await pair.source.sql('create table rows (a int primary key); insert into rows values (1)')
  const names = ['timeouts', 'target_read_only', 'temporary_files', 'workers', 'pooler']
  const plain = await pair.check()
  assert.deepEqual(names.map((name) => told(plain[name])), names.map(() => ['Passed'])) // prettier-ignore
  assert.match(plain['workers']?.found ?? '', /^up to 2 for one index/)

  const role = uniqueName('hurried')
  await sql(admin.source, `create role ${role} login superuser; alter role ${role} set wal_sender_timeout = '5s'`)
  try {
    await pair.source.sql(`alter database ${pair.source.name} set statement_timeout = '30s'`)
    await sql(admin.source, `alter role ${role} in database ${pair.source.name} set idle_in_transaction_session_timeout = '1min'`)
    await pair.target
      .sql(`alter database ${pair.target.name} set default_transaction_read_only = on; alter database ${pair.target.name} set temp_file_limit = 0;
      alter database ${pair.target.name} set max_parallel_maintenance_workers = 0; alter database ${pair.target.name} set lock_timeout = '3s'`)
    const items = await pair.check({}, { source: role })
    assert.deepEqual(told(items['timeouts']), [
      'Warning',
      `statement_timeout = 30s of database "${pair.source.name}"`,
      `wal_sender_timeout = 5s of role "${role}"`,
      `idle_in_transaction_session_timeout = 1min of role "${role}" in database "${pair.source.name}"`,
      `lock_timeout = 3s of database "${pair.target.name}"`,
    ])
    assert.equal((await pair.check({ types: ['schema', 'full'] }, { source: role }))['timeouts']?.status, 'Passed')
    assert.equal(items['target_read_only']?.status, 'Warning')
    assert.equal(items['temporary_files']?.status, 'Warning')
    assert.match(items['temporary_files'].fix, /alter system set temp_file_limit = -1; then select pg_reload_conf\(\)/)
    assert.equal(items['workers']?.found, 'indexes are built without parallel workers')
    await sql(admin.source, items['timeouts']?.fix ?? '')
    await sql(admin.target, /begin read write.*/.exec(items['target_read_only'].fix)?.[0] ?? '')
    await pair.source.sql('truncate rows')
    const mended = await pair.check({}, { source: role })
    assert.equal(mended['timeouts']?.status, 'Passed')
    assert.equal(mended['timeouts'].objectCount, 3)
    assert.deepEqual([mended['target_read_only']?.status, mended['temporary_files']?.status], ['Passed', 'Passed'])
  } finally {
    await sql(admin.source, `drop role ${role}`)
  }
})

test('extensions that the target role may not create; tables on the target with other columns; another locale', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql(`create extension hstore; create table one (a int primary key, b varchar(5), c int generated always as (a + 1) stored);
    create table two (a int primary key); create table parted (a int) partition by range (a); create table part partition of parted default`)
  const role = uniqueName('plain')
  await pair.target.sql(`create role ${role} login; grant create on database ${pair.target.name} to ${role}; grant create on schema public to ${role}`)
  try {
    const item = async (name: string, as: { target?: string } = { target: role }) => (await pair.check({ types: ['schema'] }, as))[name]
    assert.deepEqual(told(await item('extensions')), ['Passed', '"hstore"'])
    await pair.source.sql('create extension dblink')
    const closed = await item('extensions')
    assert.deepEqual(told(closed), ['Failed', '"dblink"'])
    assert.equal((await item('extensions', {}))?.status, 'Passed')
    await pair.target.sql(`alter role ${role} set supautils.privileged_extensions = 'dblink'`)
    assert.deepEqual([(await item('extensions'))?.status, (await item('extensions'))?.found], ['Warning', '1 need a superuser to be created; supautils lets other roles create some of them']) // prettier-ignore
    await pair.target.sql(`alter role ${role} reset all`)
    assert.equal((await pair.check({ types: ['schema'], objects: [{ schema: 'public', table: 'one' }] }, { target: role }))['extensions']?.status, 'Warning') // prettier-ignore
    await sql(pair.target.url, `${/create extension.*/.exec(closed?.fix ?? '')?.[0] ?? ''}; create extension hstore`)
    assert.deepEqual(told(await item('extensions')), ['Passed', '"hstore" 1.8, on the source 1.7'])

    assert.equal((await item('target_definitions'))?.found, 'none is there yet')
    await pair.target.sql(`create table one (b varchar(5), a int primary key, c int generated always as (a + 2) stored); create table two (a bigint, extra int);
      create table parted (a int); create view part as select 1 as a`)
    assert.deepEqual(told(await item('target_definitions')), [
      'Failed',
      '"public"."part": it is no ordinary table on the target',
      '"public"."two": column "a" is bigint, the source\'s integer',
      '"public"."two": column "extra" is on the target only',
    ])
    const mapped = await pair.check({ types: ['schema'], objects: [{ schema: 'public', table: 'one', columns: ['a', { name: 'b', as: 'd' }], as: 'two' }] })
    assert.deepEqual(mapped['target_definitions']?.objects, [
      '"public"."one": column "a" is bigint, the source\'s integer',
      '"public"."one": column "d" is missing',
      '"public"."one": column "extra" is on the target only',
    ])
    await pair.target.sql('drop table two, parted; drop view part')
    assert.equal((await item('target_definitions'))?.found, '1 are there, with the same columns')
  } finally {
    await pair.target.sql(`drop owned by ${role}`)
    await pair.target.sql(`drop role ${role}`)
  }
}) // prettier-ignore

test('text sorts by another locale on the target', async () => {
  const pair = await precheckPair(13, 17)
  const name = uniqueName('other_locale')
  await sql(pair.on.target.url('postgres'), `create database ${name} template template0 locale_provider builtin builtin_locale 'C.UTF-8'`)
  try {
    assert.equal((await pair.check())['database_locale']?.status, 'Passed')
    const other = (await pair.check({}, {}, { target: name }))['database_locale']
    assert.deepEqual([other?.status, other?.found], ['Warning', 'source C of libc, target C.UTF-8 of builtin'])
  } finally {
    await sql(pair.on.target.url('postgres'), `drop database ${name}`)
  }
})

test('a table of a gigabyte asks for a look at the disks', async () => {
  const pair = await precheckPair(13, 17)
  await pair.source.sql('create table huge (a int)')
  const [file] = await pair.source.sql(`select current_setting('data_directory') as folder, pg_relation_filepath('huge') as path`)
  assert.equal((await pair.check())['storage']?.status, 'Passed')
  // Sparse, and never read.
  await truncate(path.join(file?.['folder'] ?? '', file?.['path'] ?? ''), 2 ** 30)
  try {
    const item = (await pair.check())['storage']
    assert.equal(item?.status, 'Warning')
    assert.match(item.found, /take 1\.1 GB on the source with their indexes: the copy takes very roughly 27 s/)
    assert.match(item.fix, /the target has 1\.6 GB free/)
  } finally {
    await pair.source.sql('drop table huge')
  }
})

test('18: a slot that may be lost by being idle; WAL senders that are all taken', async () => {
  const settings = { idle_replication_slot_timeout: '10min', max_wal_senders: '1', max_replication_slots: '5' }
  const pair = await precheckPair(await server(18, { settings }), 17)
  const first = await pair.check()
  assert.deepEqual([first['slot_limits']?.status, first['slot_limits']?.found], ['Warning', 'idle_replication_slot_timeout = 10min'])
  assert.match(first['slot_limits']?.fix ?? '', /alter system set idle_replication_slot_timeout = 0; then select pg_reload_conf\(\)/)
  assert.equal(first['wal_senders']?.status, 'Passed')
  const walsender = new pg.Client({ connectionString: pair.source.url, replication: 'database' } as pg.ClientConfig)
  walsender.on('error', () => undefined)
  clients.push(walsender)
  await walsender.connect()
  await walsender.query('IDENTIFY_SYSTEM')
  const taken = (await pair.check())['wal_senders']
  assert.equal(taken?.status, 'Failed')
  assert.match(taken.fix, /alter system set max_wal_senders = 2; then restart the server/)
})

test('a transaction that is open for too long, a connection pooler, a version that is not known yet', async () => {
  const pair = await precheckPair(13, 17)
  const client = new pg.Client({ connectionString: pair.source.url })
  client.on('error', () => undefined)
  clients.push(client)
  await client.connect()
  await client.query('begin; select txid_current()')
  const context = { source: await pair.session('source') } as unknown as PrecheckContext
  const item = await longTransactionsOver('0 seconds').run(context)
  const { processID } = client as unknown as { processID: number }
  assert.equal(item.status, 'Warning')
  assert.ok(item.objects.some((text) => text.startsWith(`process ${processID} of postgres, since `)))
  assert.match(item.fix, /end them/)
  assert.equal((await longTransactionsOver('1 day').run(context)).status, 'Passed')
  assert.ok(preparedTransactions.applies?.({ incremental: true } as PrecheckContext))

  const port = await poolingProxy(pair.on.source.port, 'renames')
  const url = `postgres://postgres@127.0.0.1:${port}/${pair.source.name}?sslmode=disable`
  const source = await connect(await resolveConnection({ url }, 'source', {}), { side: 'source', applicationName: 'pgmove precheck test' })
  const between = await pooler.run({ source, target: await pair.session('target') } as unknown as PrecheckContext)
  await source.close()
  assert.deepEqual(
    [between.status, between.found],
    ['Warning', 'on the source something answers for the server, as a connection pooler does'],
  )

  const newer = { source: { version: 190000 }, target: { version: 130000 } } as unknown as PrecheckContext
  assert.equal((await versions.run(newer)).status, 'Failed')
  const dump = await pgDump.run(newer)
  assert.equal(dump.status, 'Failed')
  assert.match(dump.fix, /postgresql-client-19/)
})
