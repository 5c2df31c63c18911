import assert from 'node:assert/strict'
import test from 'node:test'
import { testMigration } from '../migration-run.ts'
import { ownWorkers } from '../own-workers.ts'
import { eventually } from '../servers.ts'
import { contents, smallPair } from '../small-source.ts'

const CHANGED = 'select source_table, key, kind from pgmove.data_difference where id = $1'
const LOGGED = 'select keys_logged, (select count(*) from pgmove.changed_key) as keys from pgmove.migration'

test('a cutover with checksums finds what differs before the fence, and behind it what differs since', { timeout: 120_000 }, async () => {
  const { source, target } = await smallPair(10, 18)
  const migration = await testMigration({ source: source.url, target: target.url })
  /** Called once each: between the comparison of all rows and that of those that have changed meanwhile, and between that and the fence. */
  const nothing = (): Promise<void> => Promise.resolve()
  let meanwhile = nothing
  let beforeFence = nothing
  let fences = 0
  await ownWorkers(migration, (real) => ({
    compareData: async (input) => {
      const result = await real.compareData(input)
      await meanwhile()
      meanwhile = nothing
      return result
    },
    raiseFence: async (input) => {
      fences++
      await beforeFence()
      beforeFence = nothing
      return real.raiseFence(input)
    },
  }))
  const running = await migration.start({ ignoreWarnings: true, cutover: { fence: 'readOnly', validate: 'checksum' } })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  const cutOver = async (errors: number) => {
    await running.signal('cutover')
    const status = await running.reach('the way back', (s) => s.phase === 'incremental' && s.errors.total === errors)
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    const last = status.errors.items.at(-1)
    assert.equal(last?.type, 'ValidationFailed')
    assert.deepEqual(await target.sql(LOGGED), [{ keys_logged: 'f', keys: '0' }])
    return last.message
  }
  const [{ id = null } = {}] = await target.sql('select id from pgmove.migration')
  const note = (text: string, row: number) => `update customers set note = '${text}' where id = ${row}`

  await target.sql(note('not from the source', 5))
  assert.match(await cutOver(1), /"public"\."customers" \(1 different\).*pgmove\.data_difference/)
  assert.deepEqual(await target.sql(CHANGED, [id]), [{ source_table: '"public"."customers"', key: '["5"]', kind: 'different' }])
  const [original] = await source.sql('select note from customers where id = 5')
  await target.sql(note(original?.['note'] ?? '', 5))

  const applied = (row: number, text: string) =>
    eventually(
      'the change on the target',
      30,
      async () => (await target.sql(`select note from customers where id = ${row}`))[0]?.['note'] === text,
    )
  meanwhile = async () => {
    await source.sql(`${note('changed since', 7)}; delete from orders where id = 9; insert into journal values ('since')`)
    await applied(7, 'changed since')
    await target.sql(`${note('changed since.', 7)}; insert into journal values ('not from the source')`)
  }
  const raised = fences
  assert.match(await cutOver(2), /"public"\."customers" \(1 different\)/)
  assert.equal(fences, raised)
  const repair = (text: string) => target.sql(`${note(text, 7)}; delete from journal where line = 'not from the source'`)
  await repair('changed since')
  beforeFence = async () => {
    await source.sql(`${note('changed later', 7)}; insert into journal values ('later')`)
    await applied(7, 'changed later')
    await target.sql(`${note('changed since', 7)}; insert into journal values ('not from the source')`)
  }
  const message = await cutOver(3)
  assert.equal(fences, raised + 1)
  assert.match(message, /"public"\."customers" \(1 different\)/)
  assert.match(message, /"public"\."journal" \(1 extra\)/)
  await repair('changed later')
  await source.sql(note('writable again', 8))

  beforeFence = async () => {
    await source.sql(
      `${note('since', 1)}; insert into customers (id, mail) values (900, 'n'); update customers set id = 1000 where id = 900; insert into orders (customer, total) values (3, 5)`,
    )
  }
  await running.signal('cutover')
  const report = await running.result()
  const { validation } = report
  assert.deepEqual([validation.method, validation.tables, validation.differing], ['checksum', 3, []])
  // Rows 1, 900 and 1000 of customers, an order, and the keyless journal as a whole.
  assert.ok(Number(validation.rowsComparedAgain) >= 4 && Number(validation.rowsComparedAgain) < 2500, validation.rowsComparedAgain)
  assert.deepEqual(await contents(target), await contents(source))
  assert.deepEqual(await target.sql(LOGGED), [{ keys_logged: 'f', keys: '0' }])
})
