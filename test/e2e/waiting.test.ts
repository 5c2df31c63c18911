import assert from 'node:assert/strict'
import test from 'node:test'
import type { Status } from '../../src/workflows/status.ts'
import { sharedMigration } from '../migration-run.ts'
import { database, eventually, server } from '../servers.ts'
import { contents, remains, smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }

test(
  'a target that holds rows stops the precheck before anything is changed; rerunPrecheck goes on once it is empty, also over warnings',
  LIMIT,
  async () => {
    const { source, target } = await smallPair()
    await target.sql(`create table journal (line text); insert into journal values ('mine')`)
    const migration = await sharedMigration({ source: source.url, target: target.url })
    const running = await migration.start({})
    const waits = (s: Status): boolean => s.phase === 'precheck' && s.state === 'waiting'
    const waiting = await running.reach('the wait', waits)
    assert.deepEqual(
      waiting.precheck?.items.filter((item) => item.status === 'Failed').map((item) => item.name),
      ['target_empty'],
    )
    assert.deepEqual(await remains(source), [])
    assert.deepEqual(await target.sql(`select nspname from pg_namespace where nspname = 'pgmove'`), [])
    await running.handle.executeUpdate('rerunPrecheck', { args: [{ ignoreWarnings: ['target_empty'] }] })
    const refused = await running.reach('the second wait', (s) => waits(s) && s.errors.total === waiting.errors.total + 1)
    const failed = refused.precheck?.items.find(({ name }) => name === 'target_empty')
    assert.deepEqual(
      [failed?.status, failed?.objects, failed?.objectCount],
      ['Failed', ['"public"."journal"'], 1],
      'a failed item is not ignored',
    )
    await target.sql(`truncate journal`)
    await assert.rejects(running.handle.executeUpdate('rerunPrecheck', { args: [{ ignoreWarnings: 'all' }] }))
    await running.signal('rerunPrecheck')
    const open = (s: Status): string[] => s.precheck?.items.filter(({ status }) => status !== 'Passed').map(({ name }) => name) ?? []
    const warned = await running.reach('the wait for the warning', (s) => waits(s) && !open(s).includes('target_empty'))
    assert.deepEqual(open(warned), ['replica_identity'])
    await running.handle.executeUpdate('rerunPrecheck', { args: [{ ignoreWarnings: ['replica_identity'] }] })
    await running.signal('cutover')
    await running.result()
    assert.deepEqual(await contents(target), await contents(source))
  },
)

test('"existing": "replace" removes the rows that are there', LIMIT, async () => {
  const { source, target } = await smallPair()
  await target.sql(`create table journal (line text); insert into journal values ('mine')`)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true, existing: 'replace' })
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
})

test('a missing database waits for the operator; with precheck.wait false it ends the workflow', LIMIT, async () => {
  const { source, target } = await smallPair()
  const name = `${target.name}_later`
  const url = target.url.replace(target.name, name)
  const migration = await sharedMigration({ source: source.url, target: url })
  const running = await migration.start({ ignoreWarnings: true, types: ['schema'] })
  const waiting = await running.reach('the wait', (s) => s.state === 'waiting')
  assert.equal(waiting.errors.items.at(-1)?.type, 'DatabaseMissing')
  const ended = await migration.start({ ignoreWarnings: true, types: ['schema'], precheck: { wait: false } })
  await assert.rejects(ended.result(), (error: Error & { cause?: { type?: string } }) => error.cause?.type === 'PrecheckFailed')
  await database(await server(17), { name })
  await running.signal('resume')
  await running.result()
})

test('a column that is new on the source waits as UnsupportedDdl until it is on the target', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await source.sql(`alter table customers add column born date`)
  await source.sql(`update customers set born = '2000-02-29' where id = 3`)
  const waiting = await running.reach('the wait', (s) => s.state === 'waiting')
  assert.equal(waiting.errors.items.at(-1)?.type, 'UnsupportedDdl')
  await target.sql(`alter table customers add column born date`)
  await running.signal('resume')
  await eventually('the changed row', 30, async () => (await target.sql(`select from customers where born = '2000-02-29'`)).length === 1)
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
})

test('a source whose wal_level is not logical fails the precheck, and nothing is changed', LIMIT, async () => {
  const { source, target } = await smallPair(13, 17, { walLevel: 'replica' })
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  const waiting = await running.reach('the wait', (s) => s.state === 'waiting')
  const failed = waiting.precheck?.items.filter((item) => item.status === 'Failed').map((item) => item.name) ?? []
  assert.ok(failed.includes('wal_level'), JSON.stringify(failed))
  assert.deepEqual(await target.sql(`select nspname from pg_namespace where nspname = 'pgmove'`), [])
})
