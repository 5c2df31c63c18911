import assert from 'node:assert/strict'
import test from 'node:test'
import type { WorkflowFailedError } from '@temporalio/client'
import type { ValidationResult } from '../../src/workflows/metadata-result.ts'
import { testMigration } from '../migration-run.ts'
import type { TestMigration } from '../migration-run.ts'
import { uniqueName } from '../servers.ts'
import { smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }

function validate(migration: TestMigration, spec: Record<string, unknown>): Promise<ValidationResult> {
  const input = { source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, ...spec }
  const { taskQueue } = migration
  return migration.client.workflow.execute('validateMigration', { taskQueue, workflowId: uniqueName('validate'), args: [input] })
}

async function refusal(result: Promise<unknown>): Promise<{ type: string | null | undefined; message: string }> {
  try {
    await result
  } catch (error) {
    const { type, message } = (error as WorkflowFailedError).cause as Error & { type?: string }
    return { type, message }
  }
  throw new Error('the workflow did not fail')
}

const metadata = { validation: { what: ['metadata'] } }

test('a migration compares the catalogues at its end, and validateMigration at any time', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  await migration.worker()
  // The target's own table is no difference of the migration.
  await target.sql('create table own (a int)')
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await running.signal('cutover')
  const report = await running.result()
  assert.deepEqual([report.metadata?.status, report.metadata?.differences], ['Passed', []])
  assert.equal(report.metadata?.compared['table'], 3)
  assert.equal(report.metadata?.compared['trigger'], 1)

  const { metadata: first } = await validate(migration, metadata)
  assert.deepEqual(first.differences, [{ kind: 'table', object: 'public.own', attribute: 'existence', source: null, target: 'present' }])
  await target.sql('drop table own; alter table customers alter note type varchar(200)')
  const { metadata: second } = await validate(migration, metadata)
  assert.deepEqual(
    [second.status, second.total, second.differences],
    [
      'Failed',
      1,
      [{ kind: 'column', object: 'public.customers.note', attribute: 'type', source: 'text', target: 'character varying(200)' }],
    ],
  )
  // What is not selected is not compared.
  const { metadata: third } = await validate(migration, { ...metadata, objects: [{ schema: 'public', table: 'orders' }] })
  assert.deepEqual([third.status, third.differences, third.compared['table']], ['Passed', [], 1])

  for (const validation of [
    undefined,
    { what: ['data'] },
    { what: ['metadata', 'data'], method: 'count' },
    { what: ['metadata'], sample: 0.5 },
  ]) {
    const { type, message } = await refusal(validate(migration, validation ? { validation } : {}))
    assert.equal(type, 'InvalidSpec')
    assert.match(message, /\$\.validation.*not in this version/s)
  }
  const { message } = await refusal(validate(migration, { validation: { what: ['names'], more: 1 } }))
  for (const path of ['$.validation.what[0]', '$.validation.more']) assert.ok(message.includes(path), message)
})

test('names, columns and what the mapping leaves out are compared as mapped', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  await migration.worker()
  const objects = [
    { schema: 'public', as: 'sales' },
    { schema: 'public', table: 'customers', as: 'clients', columns: ['id', { name: 'mail', as: 'address' }] },
  ]
  const running = await migration.start({ types: ['schema', 'full'], objects, ignoreWarnings: true })
  await running.reach('the end', (s) => s.state === 'completed')
  const report = await running.result()
  assert.deepEqual([report.metadata?.differences, report.metadata?.notCompared.items], [[], []])
  assert.equal(report.metadata?.status, 'Passed')
  assert.equal(report.metadata.compared['table'], 3)

  await target.sql(
    `alter table sales.clients alter address drop not null; create or replace view sales.totals as select customer, min(total) as total from sales.orders group by customer`,
  )
  const { metadata: found } = await validate(migration, { ...metadata, objects })
  assert.deepEqual(
    found.differences.map(({ kind, object, attribute }) => `${kind} ${object} ${attribute}`),
    ['view sales.totals definition', 'column sales.clients.address not null'],
  )
})
