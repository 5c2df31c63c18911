import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { StreamResult } from '../../src/workflows/migration-activities.ts'
import { testMigration } from '../migration-run.ts'
import { database, eventually, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { copyActivities } from './copy-activities.ts'
import { AT_RESOLVE } from './copy-failpoints.ts'
import { failpointOrders, FOLDER_VARIABLE } from './failpoint-files.ts'
import { LIMIT } from './fault-run.ts'

const OBJECTS = `
create table parent (id int primary key, n int not null);
create table child (id int primary key, parent int not null references parent on delete cascade);
create table plain (line text);
insert into parent select i, 0 from generate_series(1, 200) i;
insert into child select i, i from generate_series(1, 200) i;
insert into plain select 'line ' || i % 5 from generate_series(1, 50) i;
`
/** Only sessions that ask for it wait for the standby, which never comes. */
const HANGING = { synchronous_standby_names: 'nowhere', synchronous_commit: 'local' }
test(
  `workers are killed at ${AT_RESOLVE.join(', ')}, without replica role and under load: a table left out and taken back while the others stream on is exact`,
  LIMIT,
  async (t) => {
    const closers: (() => Promise<unknown>)[] = []
    t.after(async () => {
      for (const close of closers.reverse()) await close()
    })
    const source = await database(await server(13, { settings: HANGING }))
    const owner = uniqueName('owner')
    const targetServer = await server(17)
    await sql(targetServer.url('postgres'), `create role ${owner} login nosuperuser`)
    closers.push(() => sql(targetServer.url('postgres'), `drop role ${owner}`))
    const target = await database(targetServer, { owner })
    closers.push(() => target.drop())
    await target.sql(`alter schema public owner to ${owner}`)
    await source.sql(OBJECTS)
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-killed-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const migration = await testMigration({ source: source.url, target: targetServer.url(target.name, owner) })
    migration.env[FOLDER_VARIABLE] = folder
    const orders = failpointOrders(folder)
    const activities = copyActivities(migration.client, migration.taskQueue, { types: ['schema', 'full', 'incremental'] })
    const working = { over: false }
    const workers = (async () => {
      while (!working.over) {
        const worker = await migration.worker({}, 'test/fault/activity-worker.ts')
        closers.push(() => worker.drain())
        await worker.child.ended
      }
    })()
    workers.catch(() => undefined)
    const drain = async (): Promise<StreamResult> => activities.run('applyChanges', { until: (await activities.run('takeMarker', {})).lsn })
    const parent = { schema: 'public', table: 'parent' }

    await activities.run('prepareSource', {})
    await activities.prepare()
    await activities.run('prepareTarget', {})
    await activities.copy()
    await activities.run('restoreConstraints', {})
    await drain()

    for (const name of AT_RESOLVE) orders.order(name, 'die')
    orders.order(FAILPOINTS.rowsCopied, 'stand')
    const { warning } = await activities.run('resolveTable', { table: parent, action: 'leaveOut', waitedFor: 'TargetDiverged' })
    assert.match(warning ?? '', /Left out: "public"\."parent".*pgmove_fk_/)
    // Nothing of the parent's stands in the way of the child's changes, whatever they refer to.
    await source.sql(`insert into parent values (1001, 1); insert into child values (1001, 1001); delete from parent where id <= 20`)
    await drain()
    assert.deepEqual(await difference(source, target, 'child'), [])
    const left = await target.sql(`select count(*) as n from parent`)
    assert.deepEqual(left, [{ n: '200' }])

    // Passed by the stream, invisible to snapshots.
    const hanging = new pg.Client({ connectionString: source.url })
    await hanging.connect()
    await hanging.query('set synchronous_commit = on')
    const committed = hanging.query(`insert into parent values (2001, 2); insert into child values (2001, 2001)`)
    await eventually('the commit to hang', 20, async () => (await hangs(source)).length === 1)
    await drain()
    assert.deepEqual(await target.sql(`select parent from child where id = 2001`), [{ parent: '2001' }])
    await activities.run('resolveTable', { table: parent, action: 'copyAgain', waitedFor: null })
    assert.equal((await drain()).reason, 'copyAgain')

    const load = { over: false }
    const loading = [1, 2].map(async (session) => {
      for (let i = 0; !load.over; i++) {
        const id = 10_000 * session + i
        await source.sql(`insert into parent values (${id}, 0); insert into child values (${id}, ${id}); update parent set n = n + 1 where id % 7 = ${i % 7}
        and id < 1000; delete from parent where id = ${id - 3}`)
      }
    })
    const copying = activities.run('copyAgain', { beside: true })
    copying.catch(() => undefined)
    // Up to a position of its own, as the workflow would end it when the copy is final.
    const beside = async (): Promise<StreamResult> =>
      activities.run('applyChanges', { until: (await activities.run('takeMarker', {})).lsn, beside: true })
    // It asks again only if somebody was there whom it has to wait for.
    const asked = new Set<string>()
    await eventually('the copy to wait for the writer', 30, async () => {
      const [look] = await source.sql(
        `select pid || ' ' || query_start as at from pg_stat_activity where application_name like 'pgmove % copy again watch' and query like '%virtualtransaction%'`,
      )
      if (look) asked.add(look['at'] ?? '')
      return asked.size > 1
    })
    assert.deepEqual(await target.sql(`select from pgmove.migrated_table where source_table = 'parent' and copied_at is not null`), [])
    assert.equal((await beside()).reason, 'until')
    assert.ok(orders.followed(FAILPOINTS.othersCommitted))
    for (const { pid } of await hangs(source)) await source.sql(`select pg_cancel_backend($1::int)`, [pid ?? null])
    await committed
    await hanging.end()
    // What the others get while its rows are in and nothing says so: the stream has passed changes that the copy does not hold.
    await eventually('the copy to stand before its record', 60, () => orders.followed(FAILPOINTS.rowsCopied))
    await source.sql(
      `insert into parent values (3001, 3); insert into child values (3001, 3001); update parent set n = n + 1 where id < 150`,
    )
    // More than a group holds, so that the table comes to where the others are in several.
    await source.sql(`insert into parent select i, 0 from generate_series(100001, 112000) i`)
    assert.equal((await beside()).reason, 'until')
    assert.deepEqual(await target.sql(`select parent from child where id = 3001`), [{ parent: '3001' }])
    assert.deepEqual(await target.sql(`select from pgmove.migrated_table where source_table = 'parent' and copied_at is not null`), [])
    orders.release(FAILPOINTS.rowsCopied)
    const { catchUpTo } = await copying
    assert.ok(catchUpTo)
    await activities.run('applyChanges', { until: catchUpTo })
    assert.deepEqual(await target.sql(`select from pgmove.migrated_table where behind_lsn is not null`), [])
    assert.ok((await activities.run('attachForeignKeys', {})).attached > 0)
    load.over = true
    await Promise.all(loading)
    await drain()

    for (const table of ['parent', 'child', 'plain']) assert.deepEqual(await difference(source, target, table), [], table)
    await activities.run('verifyTarget', {})
    await activities.run('restoreTarget', {})
    const keys = await target.sql(
      `select conname as name, confdeltype as deletes, convalidated as valid from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`,
    )
    assert.deepEqual(keys, [{ name: 'child_parent_fkey', deletes: 'c', valid: 't' }])
    assert.deepEqual(
      AT_RESOLVE.filter((name) => !orders.followed(name)),
      [],
    )
    working.over = true
  },
)

async function hangs(source: TestDatabase): Promise<Record<string, string | null>[]> {
  return source.sql(`select pid from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()`)
}

/** Rows that one side has more often than the other. */
async function difference(source: TestDatabase, target: TestDatabase, table: string): Promise<string[]> {
  const rows = async (of: TestDatabase) => (await of.sql(`select t::text as row from ${table} t order by 1`)).map(({ row }) => row ?? '')
  const [there, here] = [await rows(source), await rows(target)]
  if (there.join('\n') === here.join('\n')) return []
  return [
    ...there.filter((row) => !here.includes(row)),
    ...here.filter((row) => !there.includes(row)),
    `${there.length} and ${here.length} rows`,
  ]
}
