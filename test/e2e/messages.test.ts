import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { WorkflowFailedError } from '@temporalio/client'
import type { ApplicationFailure } from '@temporalio/client'
import { withSession } from '../../demo/session.ts'
import { freePort } from '../../dev/free-port.ts'
import type { PrecheckResult } from '../../src/workflows/status.ts'
import type { ConnectionTestResult } from '../../src/workflows/test-connection.ts'
import { sharedMigration, testMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { eventually, uniqueName } from '../servers.ts'
import { contents, remains, smallPair } from '../small-source.ts'
import { sourceCatalogue } from '../source-catalogue.ts'

const run = promisify(execFile)
const LIMIT = { timeout: 240_000 }

async function failureOf(running: Pick<RunningMigration, 'result'>): Promise<{ type: string | null | undefined; message: string }> {
  try {
    await running.result()
  } catch (error) {
    assert.ok(error instanceof WorkflowFailedError)
    const cause = error.cause as ApplicationFailure
    return { type: cause.type, message: cause.message }
  }
  throw new Error('the workflow completed')
}

const streaming = (running: RunningMigration) => running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

test('a wrong spec lists every problem by its path, and repeats no password', LIMIT, async () => {
  const migration = await sharedMigration({ source: 'unused', target: 'unused' })
  const running = await migration.start({
    source: { url: 'postgres://u:hunter2@h/d' },
    coppy: {},
    copy: { tableJobs: 0 },
    cutover: { fence: 'closed' },
  })
  const { type, message } = await failureOf(running)
  assert.equal(type, 'InvalidSpec')
  for (const path of ['$.source', '$.coppy', '$.copy.tableJobs', '$.cutover.fence']) assert.ok(message.includes(path), path)
  assert.ok(!message.includes('hunter2'))
})

test('testConnection and precheckMigration answer before a migration is started, and touch nothing', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const start = <R>(type: string, argument: unknown): Promise<R> => {
    const options = { taskQueue: migration.taskQueue, workflowId: uniqueName(type), args: [argument] }
    return migration.client.workflow.execute(type, options) as Promise<R>
  }
  const { source: here, target: there } = migration.connections
  const both = await start<ConnectionTestResult>('testConnection', { source: here, target: there })
  assert.deepEqual([both.source?.status, both.target?.status], ['Passed', 'Passed'])
  const one = await start<ConnectionTestResult>('testConnection', { target: { env: 'NO_SUCH_VARIABLE' } })
  assert.deepEqual([Object.keys(one), one.target?.status, one.target?.diagnosis.length], [['target'], 'Failed', 1])
  const refused = await failureOf({ result: () => start('testConnection', { sauce: here }) })
  assert.equal(refused.type, 'InvalidSpec')

  const warned = await start<PrecheckResult>('precheckMigration', { source: here, target: there, ddl: 'pause' })
  assert.equal(warned.status, 'Warning')
  assert.deepEqual(
    warned.items.filter(({ status }) => status !== 'Passed').map(({ name }) => name),
    ['replica_identity'],
  )
  await target.sql('create table journal (line text); insert into journal values (1)')
  const failed = await start<PrecheckResult>('precheckMigration', { source: here, target: there, ddl: 'pause' })
  assert.equal(failed.status, 'Failed')
  const nowhere = { source: { url: `postgres://postgres@127.0.0.1:${await freePort()}/x` }, target: there }
  const { status, items } = await start<PrecheckResult>('precheckMigration', nowhere)
  assert.deepEqual([status, items.map(({ name }) => name)], ['Failed', ['connection']])
  assert.deepEqual(await remains(source), [])
  assert.deepEqual(await remains(target), [])
})

test('a cutover sent before replication has begun is kept; sent twice by the CLI it is one', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  for (let sent = 0; sent < 2; sent++) {
    await run(migration.cli, [
      'workflow',
      'signal',
      '--address',
      migration.address,
      '--workflow-id',
      running.workflowId,
      '--name',
      'cutover',
    ])
  }
  const report = await running.result()
  assert.ok(report.cutover)
  assert.deepEqual(await contents(target), await contents(source))
  assert.deepEqual(await remains(source), [])
})

test('pause stops applying, resume goes on, and nothing is lost', LIMIT, async () => {
  const { source, target } = await smallPair(10, 10)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await running.signal('pause')
  await running.reach('the pause', (s) => s.state === 'paused')
  await eventually('the end of the stream', 10, async () => {
    const [row] = await source.sql(`select active from pg_replication_slots where database = current_database()`)
    return row?.['active'] === 'f'
  })
  await source.sql(`insert into customers (mail) values ('late@example.org')`)
  assert.deepEqual(await target.sql(`select from customers where mail = 'late@example.org'`), [])
  await running.signal('resume')
  await eventually('the late row', 30, async () => (await target.sql(`select from customers where mail = 'late@example.org'`)).length === 1)
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
})

test('cancel while the fence stands lifts it, releases the source, keeps the target and ends Cancelled', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const catalogue = await sourceCatalogue(source.url)
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await withSession(target.url, async (holder) => {
    // The verification waits for it, behind the fence.
    await holder.query('begin; lock table public.customers')
    await running.signal('cutover', { fence: 'readOnly' })
    // The fence also ends sessions that began just before it: that is no answer yet.
    const answer = () =>
      source.sql('update customers set note = note where false').then(
        () => 'writable',
        (error: { code?: string }) => error.code,
      )
    await eventually('the fence', 60, async () => (await answer()) === '25006')
    await running.handle.cancel()
    await assert.rejects(running.result(), WorkflowFailedError)
  })
  assert.equal((await running.handle.describe()).status.name, 'CANCELLED')
  assert.deepEqual(await remains(source), [])
  assert.deepEqual(await sourceCatalogue(source.url), catalogue)
  assert.deepEqual(await contents(target), await contents(source))
})

test('messages with a wrong argument have no effect and say so; updates are rejected', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  for (const name of ['resolve', 'setTransferRate', 'rerunPrecheck']) {
    await running.signal(name, {})
    await assert.rejects(running.handle.executeUpdate(name, { args: [{}] }))
  }
  await running.signal('cutover', { fence: 'closed' })
  await streaming(running)
  const { errors } = await running.status()
  assert.deepEqual(
    errors.items.map(({ type }) => type),
    ['InvalidArgument', 'InvalidArgument', 'InvalidArgument', 'NotNow'],
  )
  await assert.rejects(running.handle.executeUpdate('cutover', { args: [{ fence: 'closed' }] }))
  const answer = await running.handle.executeUpdate<{ undelayed: boolean }, []>('cutover', { args: [] })
  assert.equal(answer.undelayed, true)
  await running.result()
})

test('a run continues as new and keeps its slot, its state and its signals', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true }, { continueAsNewAfter: 20 })
  await streaming(running)
  const description = await running.handle.describe()
  assert.notEqual(description.runId, running.firstRunId)
  const slots = await source.sql(`select slot_name from pg_replication_slots where database = current_database()`)
  assert.equal(slots.length, 1)
  await running.signal('cutover')
  const report = await running.result()
  assert.equal(`dts_sync_${report.id}`, slots[0]?.['slot_name'])
  assert.deepEqual(await contents(target), await contents(source))
  assert.deepEqual(await remains(source), [])
})

test('two workers share a migration; one that is told to end drains and exits 0', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  const [first, second] = [await migration.worker(), await migration.worker()]
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await first.drain()
  assert.equal(await first.child.ended, 0)
  await source.sql(`insert into customers (mail) values ('late@example.org')`)
  await running.signal('cutover')
  await running.result()
  assert.equal(second.child.running, true)
  assert.deepEqual(await contents(target), await contents(source))
})

test('a difference in row counts goes back to replication; after it is mended the cutover completes', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  await target.sql(`insert into journal values ('not from the source')`)
  await running.signal('cutover')
  const back = await running.reach('the way back', (s) => s.phase === 'incremental' && s.errors.total > 0)
  assert.equal(back.errors.items.at(-1)?.type, 'ValidationFailed')
  await target.sql(`delete from journal where line = 'not from the source'`)
  await running.signal('cutover')
  const report = await running.result()
  assert.equal(report.validation.method, 'counts')
  assert.deepEqual(await contents(target), await contents(source))
})

/** Large objects with all that they have, by OID. */
const LARGE_OBJECTS = `
  select m.oid, pg_get_userbyid(lomowner) as owner, lomacl, md5(lo_get(m.oid)) as digest, obj_description(m.oid, 'pg_largeobject') as comment
    from pg_largeobject_metadata m order by 1`

test('unlogged tables and large objects, which are not streamed, arrive as they are at cutover', LIMIT, async () => {
  const { source, target } = await smallPair()
  await source.sql(`create unlogged table cache (id int primary key, v text); insert into cache values (1, 'old'), (2, 'gone');
    create table part (id int, v text) partition by range (id); create unlogged table part_1 partition of part for values from (0) to (100);
    create table part_2 partition of part for values from (100) to (200); insert into part select 10 * n, 'old' from generate_series(0, 19) n;
    create table keeper (id int primary key); insert into keeper values (1), (2);
    create unlogged table kept (keeper int references keeper, cache int references cache); insert into kept values (1, 1), (2, 2);
    select lo_from_bytea(n::oid, convert_to('object ' || n, 'UTF8')) from generate_series(100, 140) n;
    select lo_from_bytea(50, decode(repeat('0123456789', 600000), 'hex')); comment on large object 100 is 'the first';
    grant select on large object 101 to public`)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await streaming(running)
  const copied = await target.sql('select count(*) as n from pg_largeobject_metadata')
  assert.deepEqual(copied, [{ n: '42' }])
  // What was copied of the unlogged tables refers to rows that are there no more.
  await source.sql(`delete from kept where keeper = 2; delete from keeper where id = 2`)
  await source.sql(`delete from cache where id = 2; update cache set v = 'new'; insert into cache values (3, 'late');
    delete from part where id = 0; update part set v = 'new'; insert into part values (5, 'late'), (105, 'late');
    select lo_unlink(140), lo_put(110, 0, 'O'), lo_put(50, 5000000, '\\xff'), lo_from_bytea(200, 'late')`)
  await target.sql(`select lo_put(120, 0, 'O')`)
  await running.signal('cutover')
  const report = await running.result()
  for (const table of ['cache', 'part', 'keeper', 'kept']) {
    assert.deepEqual(await target.sql(`select * from ${table} order by 1`), await source.sql(`select * from ${table} order by 1`))
  }
  assert.deepEqual(await target.sql(LARGE_OBJECTS), await source.sql(LARGE_OBJECTS))
  assert.equal(report.objects['LARGE OBJECT'], 42)
  assert.equal(report.repeated.total, 0)
  assert.deepEqual(report.skipped.items, [])
})

for (const [types, from, walLevel] of [
  [['schema', 'full'], 13, 'replica'],
  [['schema', 'full'], 10, 'replica'],
  [['schema'], 13, 'replica'],
] as const) {
  test(`${types.join(' and ')} alone works on ${from} with wal_level = ${walLevel} and leaves nothing behind`, LIMIT, async () => {
    const { source, target } = await smallPair(from, 17, { walLevel })
    await source.sql(`select lo_from_bytea(100, 'object'), lo_create(101); comment on large object 101 is 'empty';
      create unlogged table cache (id int primary key); insert into cache values (1)`)
    const migration = await sharedMigration({ source: source.url, target: target.url })
    const validate = from === 10 ? 'checksum' : 'counts'
    const running = await migration.start({ types, ignoreWarnings: true, cutover: { validate } })
    const report = await running.result()
    assert.equal(report.cutover, null)
    assert.deepEqual(await remains(source), [])
    const triggers = await target.sql(`select tgname, tgenabled from pg_trigger where not tgisinternal`)
    assert.deepEqual(triggers, [{ tgname: 'orders_count', tgenabled: 'O' }])
    const rows = await target.sql(`select count(*) as n from orders`)
    assert.equal(rows[0]?.['n'], types.length === 1 ? '0' : '2000')
    assert.deepEqual(await target.sql(LARGE_OBJECTS), types.length === 2 ? await source.sql(LARGE_OBJECTS) : [])
    if (types.length === 2) {
      assert.deepEqual(await contents(target), await contents(source))
      assert.deepEqual(await target.sql('select * from cache'), [{ id: '1' }])
      assert.deepEqual(report.validation, { method: validate, tables: 4, rows: '4501', differing: [] })
      await target.sql(`insert into customers (mail) values ('new@example.org')`)
    }
  })
}
