import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import { compareTables } from '../../demo/compare-tables.ts'
import { withSession } from '../../demo/session.ts'
import { publicationName } from '../../src/state/migration-ref.ts'
import { testMigration } from '../migration-run.ts'
import { database, eventually, server, sql } from '../servers.ts'
import { copyActivities } from './copy-activities.ts'
import { LIMIT } from './fault-run.ts'
import { ownActivityWorker } from './own-activity-worker.ts'

const TABLES = ['vacuumed', 'clustered', 'retyped', 'widened', 'emptied', 'dropped', 'renewed'] as const
const DEFINITION = '(n int primary key, note text)'

/** Each waits for the lock that the copy holds, and gets through once the copy stands aside. */
const MEANWHILE = [
  'vacuum full vacuumed',
  'cluster clustered using clustered_pkey',
  'alter table retyped alter n type bigint',
  `truncate emptied; insert into emptied values (1, 'after')`,
  'drop table dropped',
  `drop table renewed; create table renewed ${DEFINITION}; insert into renewed values (1, 'another')`,
]

test('tables are rewritten, emptied, dropped and made anew while they are copied: nothing stale is taken for final', LIMIT, async () => {
  const source = await database(await server(13))
  const target = await database(await server(17))
  const fill = (table: string) =>
    `create table ${table} ${DEFINITION}; insert into ${table} select i, 'row ' || i from generate_series(1, 2000) i;`
  await source.sql(TABLES.map(fill).join('\n'))
  const migration = await testMigration({ source: source.url, target: target.url })
  let changed: Promise<unknown>[] = []
  await ownActivityWorker(migration, (name) => {
    if (name !== 'table begun' || changed.length > 0) return
    changed = MEANWHILE.map((statements) => sql(source.url, statements))
  })
  const activities = copyActivities(migration.client, migration.taskQueue, { transferRate: { rowsPerSecond: 2000 } })
  await activities.run('prepareSource', {})
  await activities.prepare()
  // Slow, so that the statements come in the middle.
  await activities.run('setTransferRate', { rate: { megabytesPerSecond: null, rowsPerSecond: 2000 } })
  await source.sql('alter table widened add more int default 7')
  await target.sql('alter table widened add more int')

  const { groups } = await activities.run('planTables', {})
  const copying = Promise.allSettled(groups.map(({ group, jobs }) => activities.run('copyGroup', { group, jobs })))
  await eventually('the statements', 60, async () => changed.length > 0)
  await Promise.all(changed)
  await activities.run('setTransferRate', { rate: { megabytesPerSecond: null, rowsPerSecond: null } })
  const [first] = await copying
  assert.ok(first?.status === 'rejected' && first.reason instanceof ApplicationFailure)
  assert.equal(first.reason.type, 'UnsupportedDdl')
  assert.match(first.reason.message, /"dropped" was dropped, renamed or replaced.* copy of "public"\."renewed" failed as well/)
  const open = await target.sql('select source_table as name from pgmove.migrated_table where copied_at is null order by 1')
  assert.deepEqual(
    open.map(({ name }) => name),
    ['dropped', 'renewed'],
  )

  await source.sql(fill('dropped'))
  for (const table of ['dropped', 'renewed']) {
    await assert.rejects(activities.copy(), (error: ApplicationFailure) => {
      assert.equal(error.type, 'UnsupportedDdl')
      assert.ok(error.message.includes(`"${table}" was dropped and made anew`), error.message)
      return true
    })
    // Nobody writes: else this would come too late for what is under way.
    await source.sql(`alter publication ${publicationName(activities.id)} add table ${table}`)
  }
  await activities.copy()
  const compared = await withSession(source.url, (there) => withSession(target.url, (here) => compareTables(there, here)))
  assert.deepEqual([compared.tables, compared.differences], [TABLES.length, []])
})
