import assert from 'node:assert/strict'
import test from 'node:test'
import type { WorkflowFailedError } from '@temporalio/client'
import type { ValidationResult } from '../../src/workflows/metadata-result.ts'
import { sharedMigration } from '../migration-run.ts'
import type { SharedMigration } from '../migration-run.ts'
import { uniqueName } from '../servers.ts'
import { contents, smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }

function validate(migration: SharedMigration, spec: Record<string, unknown>): Promise<Required<ValidationResult>> {
  const { taskQueue, connections } = migration
  return migration.client.workflow.execute('validateMigration', {
    taskQueue,
    workflowId: uniqueName('validate'),
    args: [{ ...connections, ...spec }],
  })
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
  const migration = await sharedMigration({ source: source.url, target: target.url })
  // The target's own table is no difference of the migration.
  await target.sql('create table own (a int)')
  const running = await migration.start({ ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  const own = { kind: 'table', object: 'public.own', attribute: 'existence', source: null, target: 'present' }
  const { metadata: meanwhile } = await validate(migration, metadata)
  assert.deepEqual(meanwhile.differences, [own])
  // What is off until the cutover is told, but is no difference.
  const off = meanwhile.notCompared.items.filter(({ reason }) => reason.includes('until its cutover')).map(({ kind }) => kind)
  assert.ok(off.includes('trigger'), off.join())
  await running.signal('cutover')
  const report = await running.result()
  assert.deepEqual([report.metadata?.status, report.metadata?.differences], ['Passed', []])
  assert.equal(report.metadata?.compared['table'], 3)
  assert.equal(report.metadata?.compared['trigger'], 1)

  const { metadata: first } = await validate(migration, metadata)
  assert.deepEqual(first.differences, [own])
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
    { what: ['data'], method: 'sum' },
    { what: ['metadata', 'data'], sample: 1.5 },
    { tables: [{ table: 'customers' }] },
    { transferRate: { megabytesPerSecond: 0 } },
  ]) {
    const { type, message } = await refusal(validate(migration, { validation }))
    assert.equal(type, 'InvalidSpec')
    assert.match(message, /\$\.validation\.\w/)
  }
  const { message } = await refusal(validate(migration, { validation: { what: ['names'], more: 1 } }))
  for (const path of ['$.validation.what[0]', '$.validation.more']) assert.ok(message.includes(path), message)

  const { data: equal } = await validate(migration, {})
  assert.deepEqual([equal.status, equal.method, equal.tables, equal.differing], ['Passed', 'checksum', 3, { total: 0, items: [] }])
  assert.equal(equal.rows, String(500 + 2000 + Number((await contents(source)).find(({ name }) => name === 'journal')?.['rows'])))
  await target.sql(`delete from orders where id = 7; update customers set note = 'y' || substr(note, 2) where id = 99`)
  for (const method of ['checksum', 'full', 'count'] as const) {
    const { data } = await validate(migration, { validation: { what: ['data'], method, tables: [{ schema: 'public', table: '*s' }] } })
    const orders = { table: '"public"."orders"', missing: 1, extra: 0, different: 0, undecided: 0 }
    const customers = { ...orders, table: '"public"."customers"', missing: 0, different: 1 }
    assert.deepEqual([data.status, data.tables, data.differing.items], ['Failed', 2, method === 'count' ? [orders] : [customers, orders]])
    const rows = data.kept === null ? [] : await target.sql(data.kept)
    const keys = rows.map(({ source_table: table, key, kind }) => `${table} ${key} ${kind}`)
    assert.deepEqual(keys, method === 'count' ? [] : ['"public"."customers" ["99"] different', '"public"."orders" ["7"] missing'])
  }
})

test('names, columns and what the mapping leaves out are compared as mapped', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await sharedMigration({ source: source.url, target: target.url })
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
