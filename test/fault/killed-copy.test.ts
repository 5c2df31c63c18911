import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { compareTables } from '../../demo/compare-tables.ts'
import { withSession } from '../../demo/session.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import { testMigration } from '../migration-run.ts'
import { database, eventually, ownServer, server } from '../servers.ts'
import type { TestDatabase, TestServer } from '../servers.ts'
import { copyActivities } from './copy-activities.ts'
import { AT_ONE_SNAPSHOT, AT_OWN_SNAPSHOTS } from './copy-failpoints.ts'
import { failpointOrders, FOLDER_VARIABLE } from './failpoint-files.ts'
import { LIMIT } from './fault-run.ts'

/** A table of many pages, so that it is cut in chunks, and few rows; and small ones that are copied together. */
const OBJECTS = `
create table big (id int primary key, code text not null constraint once unique, body text) with (fillfactor = 10);
create index big_lower on big (lower(code));
insert into big select i, 'code ' || i, repeat(md5(i::text), 15) from generate_series(1, 9000) i;
do $$ begin
  for n in 1..6 loop
    execute format('create table small_%s (id int primary key, big int references big, note text); create index on small_%1$s (note);
      insert into small_%1$s select i, i, ''note '' || i from generate_series(1, 200) i', n);
  end loop;
end $$;
create table plain (line text);
insert into plain select 'line ' || i % 7 from generate_series(1, 100) i;
`

const RUNS: readonly {
  what: string
  types: readonly string[]
  from: () => Promise<Pick<TestServer, 'url'>>
  to: number
  at: readonly Failpoint[]
}[] = [
  { what: 'under snapshots of their own', types: ['schema', 'full', 'incremental'], from: () => server(14), to: 17, at: AT_OWN_SNAPSHOTS },
  // Nothing is written on this server, so that what is copied counts under a new snapshot as well.
  { what: 'under one snapshot', types: ['schema', 'full'], from: silentServer, to: 17, at: AT_ONE_SNAPSHOT },
]

function silentServer(): Promise<PostgresServer> {
  return ownServer(13, { settings: { autovacuum: 'off' } })
}

const closers: (() => Promise<unknown>)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

/** What is final on the target: it must never be done again. */
async function finished(target: TestDatabase): Promise<Map<string, string>> {
  const rows = await target.sql(`
    select 'copy of ' || source_table as what, concat_ws(' ', copied_at, lsn, pg_relation_filenode(to_regclass(target_table))) as state
      from pgmove.migrated_table where copied_at is not null
    union all select 'indexes of ' || source_table, indexed_at::text from pgmove.migrated_table where indexed_at is not null
    union all select 'index ' || c.relname, concat_ws(' ', c.oid, c.relfilenode) from pg_index i join pg_class c on c.oid = i.indexrelid
      where c.relnamespace = 'public'::regnamespace and i.indisvalid`)
  return new Map(rows.map(({ what, state }) => [what ?? '', state ?? '']))
}

describe('workers are killed in the copy', { concurrency: RUNS.length }, () => {
  for (const { what, types, from, to, at } of RUNS) {
    test(`of tables ${what}, at ${at.join(', ')}: nothing is lost, and what is finished is not done again`, LIMIT, async () => {
      const source = await database(await from())
      const target = await database(await server(to))
      await source.sql(OBJECTS)
      const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-killed-'))
      closers.push(() => rm(folder, { recursive: true, force: true }))
      const migration = await testMigration({ source: source.url, target: target.url })
      migration.env[FOLDER_VARIABLE] = folder
      const orders = failpointOrders(folder)
      const activities = copyActivities(migration.client, migration.taskQueue, { types })

      const seen: Map<string, string>[] = []
      let over = false
      const working = (async () => {
        for (;;) {
          const worker = await migration.worker({}, 'test/fault/activity-worker.ts')
          const how = await Promise.race([worker.child.ended, ended(() => over)])
          if (over) return void (await worker.drain())
          assert.equal(how, 'SIGKILL', `a worker ended by itself:\n${(await worker.log()).slice(-2000)}`)
          seen.push(await finished(target))
        }
      })()
      working.catch(() => undefined)
      await Promise.race([activities.prepare(), working])
      for (const name of at) orders.order(name, 'die')
      await Promise.race([activities.copy(), working])
      over = true
      await working

      assert.deepEqual(
        at.filter((name) => !orders.followed(name)),
        [],
      )
      assert.ok(seen.length >= at.length, `${seen.length} workers died`)
      const compared = await withSession(source.url, (there) => withSession(target.url, (here) => compareTables(there, here)))
      assert.deepEqual([compared.tables, compared.differences], [8, []])
      const last = await finished(target)
      assert.equal(last.size, 8 + 8 + 3 + 12)
      for (const [at, before] of seen.entries()) {
        for (const [name, state] of before) assert.equal(last.get(name), state, `${name} was finished when worker ${at + 1} died`)
      }
    })
  }
})

test('sessions that are lost under one snapshot, but the one that holds it, cost what is in flight', LIMIT, async () => {
  const source = await database(await server(13))
  const target = await database(await server(17))
  await source.sql(OBJECTS)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-lost-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const migration = await testMigration({ source: source.url, target: target.url })
  migration.env[FOLDER_VARIABLE] = folder
  const orders = failpointOrders(folder)
  const activities = copyActivities(migration.client, migration.taskQueue, { types: ['schema', 'full'], copy: { tableJobs: 2 } })
  await migration.worker({}, 'test/fault/activity-worker.ts')
  await activities.prepare()
  const chunks = async () =>
    new Map(
      (
        await target.sql("select chunk, concat_ws(' ', attempt, copied_at) as state from pgmove.copy_chunk where copied_at is not null")
      ).map(({ chunk, state }) => [chunk, state]),
    )
  orders.order('chunk copied', 'stand')
  const copying = activities.copy()
  copying.catch(() => undefined)
  await eventually('a copied chunk', 60, () => orders.followed('chunk copied'))
  const [before, done] = [await finished(target), await chunks()]
  assert.ok(done.size > 0)
  // Had the copy begun anew, it would show this.
  await source.sql(`insert into plain values ('written later')`)
  const kill =
    'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() and application_name like $1'
  await source.sql(kill, [`pgmove ${activities.id} copy lane 1`])
  await target.sql(kill, [`pgmove ${activities.id} copy%`])
  orders.release('chunk copied')
  await copying
  const compared = await withSession(source.url, (there) => withSession(target.url, (here) => compareTables(there, here)))
  assert.equal(compared.differences.length, 1, compared.differences.join())
  assert.deepEqual(await target.sql('select count(*) as n from plain'), [{ n: '100' }])
  const last = new Map([...(await finished(target)), ...(await chunks())])
  for (const [name, state] of [...before, ...done]) assert.equal(last.get(name), state, `${name} was finished before`)
  assert.deepEqual(await target.sql(`select from pgmove.note where kind = 'repeated' and object in ('all tables', '"public"."big"')`), [])
  assert.equal(last.size, 8 + 8 + 3 + 12 + (await chunks()).size)
})

async function ended(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 100))
}
