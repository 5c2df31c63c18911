import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedMigration } from '../migration-run.ts'
import { contents, smallPair } from '../small-source.ts'

test('after a termination a new run replaces what the first one brought, and what that one switched off is on again', async () => {
  const { source, target } = await smallPair()
  await source.sql(`create table parents (id int primary key, elder int references parents); insert into parents values (1, null), (2, 1);
    create table children (id int primary key, parent int not null references parents); insert into children values (1, 2)`)
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
  await second.handle.cancel()
  await assert.rejects(second.result())
  const keys = () =>
    target.sql(
      `select distinct convalidated as valid from pg_constraint where contype = 'f' and conrelid <> confrelid and connamespace = 'public'::regnamespace`,
    )
  assert.deepEqual(await keys(), [{ valid: 'f' }], 'the cancelled run took no key off')

  // Its keys are as it left them; at the end they are as on the source, also those of tables that it had emptied and not copied yet.
  await target.sql('truncate parents, children')
  const third = await migration.start({ existing: 'replace', ignoreWarnings: true })
  await third.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await third.signal('cutover')
  const report = await third.result()
  assert.deepEqual(await keys(), [{ valid: 't' }])
  assert.deepEqual(report.metadata?.differences, [])
  assert.deepEqual(await switches(), [{ trigger: 'O', identity: 'a' }])
  assert.deepEqual(await contents(target), await contents(source))
  const [record] = await target.sql(`select outcome from pgmove.migration where workflow_id = $1`, [first.workflowId])
  assert.deepEqual(record, { outcome: 'terminated' })
})
