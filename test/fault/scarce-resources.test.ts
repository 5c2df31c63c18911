import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import { compareTables } from '../../demo/compare-tables.ts'
import { withSession } from '../../demo/session.ts'
import { errorPolicy } from '../../src/errors/error-policy.ts'
import { testMigration } from '../migration-run.ts'
import { database, server, sql, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { copyActivities } from './copy-activities.ts'
import type { CopyActivities } from './copy-activities.ts'
import { LIMIT } from './fault-run.ts'
import { ownActivityWorker } from './own-activity-worker.ts'
import { smallDisk } from './small-disk.ts'

async function assertWaits(work: Promise<unknown>, says: RegExp): Promise<void> {
  const failure = await work.then(
    () => assert.fail(`nothing was said of ${String(says)}`),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ApplicationFailure, String(failure))
  assert.equal(failure.type, 'OutOfResources', failure.message)
  assert.equal(errorPolicy('OutOfResources'), 'wait')
  assert.ok(failure.nonRetryable && failure.message.length < 1024)
  assert.match(failure.message, says)
  assert.match(failure.message, /send the signal resume/)
}

async function assertEqual(source: TestDatabase, target: TestDatabase, tables: number): Promise<void> {
  const compared = await withSession(source.url, (there) => withSession(target.url, (here) => compareTables(there, here)))
  assert.deepEqual([compared.tables, compared.differences], [tables, []])
}

const BIG = `create table big (id int primary key, note text) with (fillfactor = 10);
  insert into big select i, repeat('x', 450) || i from generate_series(1, 9000) i;
  create index big_note on big (note);
  create table small (id int primary key); insert into small select generate_series(1, 10);`

/** A write to a full disk fails, or ends early (mdextend and FileWriteV in PostgreSQL's source: md.c, fd.c). */
const FULL = '(?:No space left|wrote only \\d+ of \\d+ bytes)'

test('a full disk of the target stops a copy and an index build with the table, and both pass once there is room', LIMIT, async (t) => {
  const disk = smallDisk(160)
  if (!disk) return t.skip('a full disk needs a file system of its own, and this user may not mount one')
  const to = await server(17)
  const source = await database(await server(14))
  const space = uniqueName('space')
  await sql(to.url('postgres'), `create tablespace ${space} location '${disk.folder}'`)
  const target = await database(to)
  await sql(to.url('postgres'), `alter database ${target.name} set tablespace ${space}`)
  t.after(async () => {
    await target.drop()
    await sql(to.url('postgres'), `drop tablespace ${space}`)
  })
  await source.sql(BIG)
  const migration = await testMigration({ source: source.url, target: target.url })
  await ownActivityWorker(migration)
  const activities = copyActivities(migration.client, migration.taskQueue, {})
  await activities.prepare()
  const { groups } = await activities.run('planTables', {})
  assert.deepEqual(
    groups.map(({ tables, jobs }) => [tables, jobs > 1]),
    [
      [1, true],
      [1, false],
    ],
    'one table is cut, one is not',
  )
  const [big, small] = groups as [(typeof groups)[number], (typeof groups)[number]]

  disk.fill(4_000)
  await assertWaits(
    activities.run('copyGroup', { group: big.group, jobs: big.jobs }),
    new RegExp(`"public"\\."big".*${FULL}|${FULL}.*"public"\\."big"`),
  )
  await assertWaits(activities.run('copyGroup', { group: big.group, jobs: 1 }), new RegExp(`${FULL}.*"public"\\."big"`))
  disk.free()
  await activities.run('copyGroup', { group: small.group, jobs: 1 })
  const { indexes } = await activities.run('copyGroup', { group: big.group, jobs: big.jobs })
  assert.equal(indexes.length, 2)

  const build = (entry: number | null) => activities.run('buildIndexes', { group: big.group, entry })
  disk.fill(100)
  for (const { entry, label } of indexes) {
    await assertWaits(build(entry), new RegExp(`${label.split(' ').at(-1)}.*could not be .*${FULL}`))
  }
  await assertWaits(build(null), new RegExp(`big.*could not be created.*${FULL}`))
  disk.free()
  for (const { entry } of indexes) await build(entry)
  await build(null)
  await activities.copy()
  await assertEqual(source, target, 2)
  const repeated = await target.sql(`select source_table as name, attempts from pgmove.migrated_table order by 1`)
  assert.deepEqual(repeated, [
    { name: 'big', attempts: '3' },
    { name: 'small', attempts: '1' },
  ])
})

async function leave(on: TestDatabase, role: string, connections: number): Promise<void> {
  await on.sql(`alter role ${role} connection limit ${connections}`)
}

test('a server without a free connection stops a copy and an index build, which go on once there is one', LIMIT, async () => {
  const [from, to] = [await server(14), await server(17)]
  const role = uniqueName('mover')
  for (const on of [from, to]) await sql(on.url('postgres'), `create role ${role} login`)
  const [source, target] = [await database(from, { owner: role }), await database(to, { owner: role })]
  await sql(from.url(source.name, role), BIG)
  const migration = await testMigration({ source: from.url(source.name, role), target: to.url(target.name, role) })
  await ownActivityWorker(migration)
  const activities: CopyActivities = copyActivities(migration.client, migration.taskQueue, {})
  await activities.prepare()
  const { groups } = await activities.run('planTables', {})
  const [big] = groups as [(typeof groups)[number]]
  assert.ok(big.jobs > 1)
  for (const [side, on] of [
    ['source', source],
    ['target', target],
  ] as const) {
    await leave(on, role, 1)
    await assertWaits(
      activities.run('copyGroup', { group: big.group, jobs: big.jobs }),
      new RegExp(`On the ${side}.*too many connections.*53300`),
    )
    // For the first sessions, and then for one job of several: it copies all chunks.
    await leave(on, role, 3)
  }
  const { indexes } = await activities.run('copyGroup', { group: big.group, jobs: big.jobs })
  const [chunks] = await target.sql(`select count(*) > 1 as cut, count(copied_at) = count(*) as whole from pgmove.copy_chunk`)
  assert.deepEqual(chunks, { cut: 't', whole: 't' })
  await leave(target, role, 1)
  await assertWaits(activities.run('buildIndexes', { group: big.group, entry: indexes[0]?.entry ?? null }), /On the target.*53300/)
  for (const on of [source, target]) await leave(on, role, -1)
  await activities.copy()
  await assertEqual(source, target, 2)
  for (const on of [source, target]) await on.sql(`reassign owned by ${role} to postgres`)
})
