import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import { contents, smallPair } from '../small-source.ts'

test('after a termination a new run replaces what the first one brought, and what that one switched off is on again', async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const first = await migration.start({ ignoreWarnings: true })
  await first.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  const switches = () =>
    target.sql(`select (select tgenabled from pg_trigger where tgname = 'orders_count') as trigger,
                       (select attidentity from pg_attribute where attrelid = 'orders'::regclass and attname = 'id') as identity`)
  assert.deepEqual(await switches(), [{ trigger: 'D', identity: 'd' }])
  await first.handle.terminate('the test says so')

  await source.sql(`insert into customers (mail) values ('late@example.org')`)
  const second = await migration.start({ existing: 'replace', ignoreWarnings: true })
  await second.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await second.signal('cutover')
  const report = await second.result()
  assert.deepEqual(report.metadata?.differences, [])
  assert.deepEqual(await switches(), [{ trigger: 'O', identity: 'a' }])
  assert.deepEqual(await contents(target), await contents(source))
  const [record] = await target.sql(`select outcome from pgmove.migration where workflow_id = $1`, [first.workflowId])
  assert.deepEqual(record, { outcome: 'terminated' })
})
