import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import { parseLsn } from '../../src/postgres/lsn.ts'
import { readMigrationRecord } from '../../src/state/migration-record.ts'
import { checkSlot } from '../../src/source/check-slot.ts'
import { beat, beatUnlessFresh } from '../../src/source/heartbeat.ts'
import { prepareSource } from '../../src/source/prepare-source.ts'
import { releaseSource } from '../../src/source/release-source.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import type { SlotBlocker } from '../../src/source/slot-blocker.ts'
import { retainedBytes, sourcePosition } from '../../src/source/source-position.ts'
import { fixtureOn, migrationFixture, NAMESPACE_ID, WHOLE } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

const never = new AbortController().signal
const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

/** A session of the application, by its own connection. */
async function application(fixture: MigrationFixture): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: fixture.source.url })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}

async function prepare(
  fixture: MigrationFixture,
  more: { signal?: AbortSignal; onWait?: (blocker: SlotBlocker | undefined) => void } = {},
) {
  const source = await fixture.session('source', 'prepare', { lockTimeoutMs: 2000 })
  const target = await fixture.session('target', 'prepare')
  const tables = await readSelectedTables(source, WHOLE)
  const { sourceConnection, ref } = fixture
  const result = await prepareSource({ source, sourceConnection, target, ref, namespaceId: NAMESPACE_ID, tables, signal: never, ...more })
  return { ...result, source, target, tables, record: await readMigrationRecord(target, fixture.id) }
}

async function release(fixture: MigrationFixture, seconds = 20) {
  const source = await fixture.session('source', 'release', { lockTimeoutMs: 2000 })
  return releaseSource({ source, id: fixture.id, deadline: Date.now() + seconds * 1000, signal: never })
}

/** What pgmove could have left or changed. */
async function traces(fixture: MigrationFixture): Promise<unknown> {
  return fixture.source.sql(`
    select 'schema' as kind, nspname::text as name from pg_namespace where nspname = 'pgmove'
    union all select 'publication', pubname from pg_publication
    union all select 'slot', slot_name from pg_replication_slots where database = current_database()
    union all select 'trigger', tgname from pg_trigger where not tgisinternal
    union all select 'identity', relname || ' ' || relreplident::text from pg_class
      where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1, 2`)
}

const TABLES = `
  create table with_key (id int primary key, name text);
  create table keyless (a int, b text);
  create table nothing (a int);
  alter table nothing replica identity nothing;
  create table by_index (a int not null, b text);
  create unique index by_index_a on by_index (a);
  alter table by_index replica identity using index by_index_a;
  create table deferred (id int primary key deferrable);
  create unlogged table fleeting (a int);
  create table parted (id int, at date, primary key (id, at)) partition by range (at);
  create table parted_1 partition of parted for values from ('2020-01-01') to ('2021-01-01');
  create table parted_2 partition of parted for values from ('2021-01-01') to ('2022-01-01');
`
/** Partitioned tables of 10 have no primary keys. */
const TABLES_OF_10 = TABLES.replace(', primary key (id, at)', '')

for (const major of [10, 13, 18]) {
  test(`${major}: everything is made, and everything is gone after the release`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), major === 10 ? TABLES_OF_10 : TABLES)
    const before = await traces(fixture)
    const { slot, startLsn, record } = await prepare(fixture)
    assert.equal(slot, `dts_sync_${fixture.id}`)
    assert.equal(record.slot, slot)
    assert.equal(record.consistent_point, startLsn)
    assert.match(record.slot_snapshot ?? '', /^\d+:\d+:/)
    assert.equal(record.handoff_guarded, 't')
    assert.match(record.system_identifier ?? '', /^\d{19}$/)
    assert.equal(record.timeline, '1')

    const published = (await fixture.source.sql(`select schemaname || '.' || tablename as name from pg_publication_tables`)).map(
      ({ name }) => name,
    )
    const identities = major === 10 ? ['keyless', 'nothing', 'parted_1', 'parted_2'] : ['keyless', 'nothing']
    assert.deepEqual(
      published.sort(),
      [
        ...['by_index', 'deferred', 'keyless', 'nothing', 'parted_1', 'parted_2', 'with_key'].map((name) => `public.${name}`),
        'pgmove.dts_postgres_heartbeat',
        ...(major === 10 ? ['pgmove.truncate_log'] : []),
      ].sort(),
    )
    const full = await fixture.source.sql(`select relname as name from pg_class where relreplident = 'f' and relkind = 'r' order by 1`)
    assert.deepEqual(
      full.map(({ name }) => name),
      [...identities, 'deferred'].sort(),
    )
    assert.deepEqual((await release(fixture)).left, [])
    assert.deepEqual(await traces(fixture), before)
    assert.deepEqual((await release(fixture)).left, [], 'a second time there is nothing to do')
  })
}

test('more tables than the lock table holds are published, and released again', async () => {
  // Room for about 10 * (20 + 5 + 4 + 3 autovacuum workers + 1) locks.
  const settings = { max_connections: '20', max_wal_senders: '5', max_worker_processes: '4', max_prepared_transactions: '0' }
  const small = await server(13, { settings: { ...settings, max_locks_per_transaction: '10' } })
  const fixture = await migrationFixture(small, await server(17), '')
  for (let at = 0; at < 1500; at += 50) {
    await fixture.source.sql(
      `do $$ begin for i in ${at}..${at + 49} loop execute format('create table public.t%s ()', i); end loop; end $$`,
    )
  }
  const before = await traces(fixture)
  await prepare(fixture)
  const [row] = await fixture.source.sql('select count(*) as count from pg_publication_rel')
  assert.equal(row?.['count'], '1501')
  assert.deepEqual((await release(fixture, 60)).left, [])
  assert.deepEqual(await traces(fixture), before)
})

test('preparing twice keeps the slot; a slot that was not stored is made anew', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const first = await prepare(fixture)
  const second = await prepare(fixture)
  assert.equal(second.startLsn, first.startLsn)
  await fixture.target.sql(`update pgmove.migration set slot = null, slot_snapshot = null, handoff_guarded = false`)
  const third = await prepare(fixture)
  assert.ok(parseLsn(third.startLsn) > parseLsn(first.startLsn))
  assert.deepEqual((await release(fixture)).left, [])
})

test('slot creation names the transaction that it waits for, and a prepared one', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const writer = await application(fixture)
  await writer.query(`begin; insert into with_key values (1, 'open')`)
  const pid = (await writer.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
  const waits: (SlotBlocker | undefined)[] = []
  const prepared = prepare(fixture, { onWait: (blocker) => waits.push(blocker) })
  await eventually('the open transaction to be named', 20, async () => waits.some((blocker) => blocker?.pid === String(pid)))
  await writer.query(`prepare transaction 'pgmove test ${fixture.id}'`)
  await eventually('the prepared transaction to be named', 20, async () =>
    waits.some((blocker) => blocker?.gid === `pgmove test ${fixture.id}`),
  )
  await writer.query(`commit prepared 'pgmove test ${fixture.id}'`)
  await prepared
  assert.equal(waits.at(-1), undefined)
  assert.match(waits[0]?.since ?? '', /^20\d\d-/)
})

test('an abort while slot creation waits ends it within seconds and leaves no slot after the release', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const writer = await application(fixture)
  await writer.query(`begin; insert into with_key values (1, 'open')`)
  const abort = new AbortController()
  const source = await fixture.session('source', 'prepare', { lockTimeoutMs: 2000, signal: abort.signal })
  const target = await fixture.session('target', 'prepare', { signal: abort.signal })
  const tables = await readSelectedTables(source, WHOLE)
  const { sourceConnection, ref } = fixture
  const prepared = prepareSource({
    ...{ source, sourceConnection, target, ref, namespaceId: NAMESPACE_ID, tables, signal: abort.signal },
    onWait: () => abort.abort(new Error('cancelled by the test')),
  })
  await assert.rejects(prepared, /cancelled by the test/)
  await writer.query('commit')
  assert.deepEqual((await release(fixture)).left, [])
  assert.deepEqual(await fixture.source.sql(`select from pg_replication_slots where slot_name = 'dts_sync_${fixture.id}'`), [])
})

test('of two migrations the last one restores the identity and removes the schema', async () => {
  const first = await migrationFixture(await server(13), await server(17), TABLES)
  const second = await fixtureOn(first.source, first.target)
  const before = await traces(first)
  await prepare(first)
  await prepare(second)
  assert.deepEqual((await release(first)).left, [])
  const identity = `select relreplident as identity from pg_class where relname = 'keyless'`
  assert.deepEqual(await first.source.sql(identity), [{ identity: 'f' }])
  await beat(await second.session('source'), second.id)
  assert.deepEqual((await release(second)).left, [])
  assert.deepEqual(await first.source.sql(identity), [{ identity: 'd' }])
  assert.deepEqual(await traces(first), before)
})

test('the application never queues behind pgmove for longer than two seconds', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const reader = await application(fixture)
  const writer = await application(fixture)
  await reader.query('begin; select * from keyless')
  const prepared = prepare(fixture)
  let longest = 0
  const until = Date.now() + 6000
  while (Date.now() < until) {
    const started = Date.now()
    await writer.query(`insert into keyless values (1, 'x')`)
    longest = Math.max(longest, Date.now() - started)
  }
  await reader.query('commit')
  await prepared
  assert.ok(longest > 500, `pgmove has asked for the lock (${longest} ms)`)
  assert.ok(longest < 2500, `the application waited ${longest} ms`)
})

test('what stays locked is left, named with its statement, and removed the next time', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await prepare(fixture)
  const reader = await application(fixture)
  await reader.query('begin; select * from keyless')
  const { left } = await release(fixture, 3)
  assert.deepEqual(
    left.map(({ kind, name, statement }) => [kind, name, statement]),
    [
      ['replica identity', '"public"."keyless"', 'alter table only "public"."keyless" replica identity default'],
      ['schema', 'pgmove', 'drop schema pgmove cascade'],
    ],
  )
  await reader.query('commit')
  assert.deepEqual((await release(fixture)).left, [])
  assert.deepEqual(await fixture.source.sql(`select from pg_namespace where nspname = 'pgmove'`), [])
})

test('a renamed table gets its identity back, and a foreign object keeps the schema', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await prepare(fixture)
  await fixture.source.sql('alter table keyless rename to other; create table pgmove.mine (a int)')
  const { left } = await release(fixture)
  assert.deepEqual(
    left.map(({ kind }) => kind),
    ['schema'],
  )
  assert.deepEqual(await fixture.source.sql(`select relreplident as i from pg_class where relname = 'other'`), [{ i: 'd' }])
})

test('a schema pgmove that is not ours is refused and untouched', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await fixture.source.sql('create schema pgmove; create table pgmove.theirs (a int)')
  await assert.rejects(prepare(fixture), { kind: 'SchemaMismatch' })
  assert.deepEqual((await release(fixture)).left, [])
  assert.equal((await fixture.source.sql('select * from pgmove.theirs')).length, 0)
})

test('10: TRUNCATE by a role without rights on pgmove writes its row', async () => {
  const fixture = await migrationFixture(await server(10), await server(17), TABLES_OF_10)
  await prepare(fixture)
  const role = `pgmove_app_${process.pid}`
  await fixture.source.sql(`create role ${role}; grant truncate on with_key, parted, parted_1, parted_2 to ${role}`)
  await fixture.source.sql(`set role ${role}; set session_replication_role = origin`).catch(() => undefined)
  await fixture.source.sql(`begin; set local role ${role}; truncate with_key; truncate parted; commit`)
  const rows = await fixture.source.sql('select id, schema_name, table_name from pgmove.truncate_log order by table_name')
  assert.deepEqual(
    rows.map((row) => row['table_name']),
    ['parted_1', 'parted_2', 'with_key'],
  )
  assert.equal(rows[0]?.['id'], fixture.id)
  await fixture.source.sql(`drop owned by ${role}; drop role ${role}`)
  assert.deepEqual((await release(fixture)).left, [])
})

test('the heartbeat counts, positions grow', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const { source, slot } = await prepare(fixture)
  const position = await sourcePosition(source)
  assert.equal(await beat(source, fixture.id), '1')
  assert.equal(await beat(source, fixture.id), '2')
  assert.ok((await sourcePosition(source)) > position)
  assert.ok(((await retainedBytes(source, slot)) ?? 0n) > 0n)
  assert.equal(await retainedBytes(source, 'no_such_slot'), undefined)
  const beats = async () => (await fixture.source.sql('select beat from pgmove.dts_postgres_heartbeat'))[0]?.['beat']
  await beatUnlessFresh(source, fixture.id, 3_600_000)
  assert.equal(await beats(), '2', 'it is fresh')
  await fixture.source.sql(`update pgmove.dts_postgres_heartbeat set beat_at = beat_at - interval '1 hour'`)
  await beatUnlessFresh(source, fixture.id, 3_600_000)
  assert.equal(await beats(), '3', 'it is old')
  await fixture.source.sql(`update pgmove.dts_postgres_heartbeat set beat_at = beat_at + interval '1 hour'`)
  await beatUnlessFresh(source, fixture.id, 3_600_000)
  assert.equal(await beats(), '4', 'the clock was set back')
  await release(fixture)
})

test('checkSlot accepts the slot that was made, and no other', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  const { source, target, slot, record } = await prepare(fixture)
  const check = async (changes: { system_identifier?: string; timeline?: string; slot?: string } = {}, applied = 0n) =>
    checkSlot({
      source,
      sourceConnection: fixture.sourceConnection,
      target,
      record: { ...record, ...changes },
      progress: { commitLsn: applied, confirmedLsn: applied },
      signal: never,
    })
  await check()
  await assert.rejects(check({ system_identifier: '1' }), { kind: 'SourceReplaced' })
  await assert.rejects(check({ timeline: '2' }), { kind: 'SourceReplaced' })
  await assert.rejects(check({ slot: 'dts_sync_gone' }), { kind: 'SlotLost' })
  await fixture.source.sql(`insert into with_key values (7, 'x')`)
  await fixture.source.sql(`select pg_drop_replication_slot('${slot}'); select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  await assert.rejects(check(), { kind: 'SlotReplaced' })
  await check({}, await sourcePosition(source))
  await release(fixture)
})

test('selected tables: partitions go with their root, keys and identities are judged', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLES)
  await fixture.source
    .sql(`create schema app; create table app.parted_3 partition of parted for values from ('2023-01-01') to ('2024-01-01');
    create table app.made (id int primary key, twice int generated always as (id * 2) stored, n int generated always as identity);
    create temporary table passing (a int)`)
  const source = await fixture.session('source')
  const tables = await readSelectedTables(source, { objects: [{ schema: 'public' }], exclude: [{ schema: 'public', table: 'fleet*' }] })
  const by = new Map(tables.map((table) => [`${table.schema}.${table.name}`, table]))
  assert.ok(by.has('app.parted_3') && !by.has('app.made') && !by.has('public.fleeting'))
  assert.deepEqual(by.get('app.parted_3')?.root, { schema: 'public', name: 'parted' })
  assert.deepEqual(
    ['with_key', 'keyless', 'nothing', 'by_index', 'deferred'].map((name) => by.get(`public.${name}`)?.usableIdentity),
    [true, false, false, true, false],
  )
  const [made] = await readSelectedTables(source, { objects: [{ schema: 'app', table: 'made' }], exclude: [] })
  assert.deepEqual(
    made?.columns.map(({ name, generated, identity }) => [name, generated, identity]),
    [
      ['id', '', ''],
      ['twice', 's', ''],
      ['n', '', 'a'],
    ],
  )
})
