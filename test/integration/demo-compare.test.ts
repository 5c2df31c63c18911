import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { compare } from '../../demo/compare.ts'
import type { Check, CompareOptions } from '../../demo/compare.ts'
import { compareLedger, moneyIn } from '../../demo/compare-ledger.ts'
import type { Ledger } from '../../demo/ledger.ts'
import { loadShop } from '../../demo/load-shop.ts'
import { withSession } from '../../demo/session.ts'
import { sourceState } from '../../demo/source-state.ts'
import { startWriter } from '../../demo/writer.ts'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { database, eventually, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const run = promisify(execFile)

/** Copies with PostgreSQL's own programs: what a right migration leads to. */
async function copy(source: TestDatabase, target: TestDatabase): Promise<void> {
  const file = path.join(folder, 'dump')
  await run(await clientProgram('pg_dump', 18), ['-Fc', '-f', file, source.url])
  await run(await clientProgram('pg_restore', 18), ['--exit-on-error', '-d', target.url, file])
}

let folder: string
before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
})
after(() => rm(folder, { recursive: true, force: true }))

describe('the comparison at the end of the demo', () => {
  let source: TestDatabase
  let target: TestDatabase
  let options: CompareOptions

  before(async () => {
    const [from, to] = [await server(13), await server(17)]
    source = await database(from)
    target = await database(to)
    await loadShop(source.url, 0.01)
    const money = await withSession(source.url, moneyIn)
    const writer = await startWriter(source.url, { ledger: path.join(folder, 'ledger.tsv') })
    await Promise.race([eventually('some commits', 60, () => writer.commits > 200), writer.failure])
    const ledger = await writer.stop()
    await copy(source, target)
    options = { source: source.url, target: target.url, before: await sourceState(source.url), book: { ledger, money } }
  })

  const differences = (checks: readonly Check[]): string[] =>
    checks.flatMap((check) => check.differences.map((text) => `${check.what}: ${text}`))

  test('equal databases match', async () => {
    assert.deepEqual(differences(await compare(options)), [])
  })

  /** Plants a difference, looks for it, and takes it out again. */
  const planted: readonly { what: string; on: 'source' | 'target'; plant: string; remove: string; found: RegExp }[] = [
    {
      what: 'a changed value',
      on: 'target',
      plant: `update shop.suppliers set name = name || ' ' where code = (select min(code) from shop.suppliers)`,
      remove: `update shop.suppliers set name = rtrim(name) where code = (select min(code) from shop.suppliers)`,
      found: /^rows: shop\.suppliers: 200 rows .* other values$/,
    },
    {
      what: 'the last bit of a float',
      on: 'target',
      plant: `update audit.access_log set seconds = seconds + 1e-16 where ctid = (select min(ctid) from audit.access_log where seconds between 0.3 and 0.4)`,
      remove: `update audit.access_log set seconds = 1 / 3.0::float8 where seconds between 0.3 and 0.4`,
      found: /^rows: audit\.access_log: /,
    },
    {
      what: 'an empty text instead of NULL',
      on: 'target',
      plant: `update stock.movements set reason = '' where reason is null`,
      remove: `update stock.movements set reason = null where reason = ''`,
      found: /^rows: stock\.movements: .* other values$/,
    },
    {
      what: 'a doubled row of a table without a key',
      on: 'target',
      plant: `insert into audit.access_log select '2026-01-01', null, 'twice', 1, 1 from generate_series(1, 2)`,
      remove: `delete from audit.access_log where path = 'twice'`,
      found: /^rows: audit\.access_log: /,
    },
    {
      what: 'a commit that was never acknowledged',
      on: 'target',
      plant: `insert into audit.app_transactions values (9, 9, 'phantom')`,
      remove: `delete from audit.app_transactions where writer = 9`,
      found: /^ledger: 1 transactions that were never committed stand on the target, such as 9-9$/,
    },
    {
      what: 'vanished money',
      on: 'target',
      plant: `update shop.tills set balance = balance - 0.01 where id = 1`,
      remove: `update shop.tills set balance = balance + 0.01 where id = 1`,
      found: /^ledger: wallets and tills held /,
    },
    {
      what: 'a disabled trigger',
      on: 'target',
      plant: 'alter table shop.orders disable trigger touch',
      remove: 'alter table shop.orders enable trigger touch',
      found: /^definitions: trigger shop\.orders touch is defined otherwise/,
    },
    {
      what: 'a lacking index',
      on: 'target',
      plant: 'drop index shop.orders_paid_idx',
      remove: `create index orders_paid_idx on shop.orders (id) where status = 'paid'`,
      found: /^definitions: index shop\.orders_paid_idx is missing/,
    },
    {
      what: 'a weaker foreign key',
      on: 'target',
      plant:
        'alter table shop.order_lines drop constraint order_lines_order_fkey, add constraint order_lines_order_fkey foreign key (order_id) references shop.orders',
      remove:
        'alter table shop.order_lines drop constraint order_lines_order_fkey, add constraint order_lines_order_fkey foreign key (order_id) references shop.orders on delete cascade',
      found: /^definitions: fk constraint shop\.order_lines order_lines_order_fkey is defined otherwise/,
    },
    {
      what: 'an additional table',
      on: 'target',
      plant: 'create table shop.extra ()',
      remove: 'drop table shop.extra',
      found: /shop\.extra is only on the target$/,
    },
    {
      what: 'a leftover replica identity',
      on: 'source',
      plant: 'alter table audit.access_log replica identity full',
      remove: 'alter table audit.access_log replica identity default',
      found: /^source: left on the source: replica identity f of audit\.access_log$/,
    },
    {
      what: 'a leftover publication',
      on: 'source',
      plant: 'create publication pgmove_left',
      remove: 'drop publication pgmove_left',
      found: /^source: left on the source: publication pgmove_left$/,
    },
  ]
  for (const { what, on, plant, remove, found } of planted) {
    test(`finds ${what}`, async () => {
      const changed = on === 'source' ? source : target
      await changed.sql(plant)
      const result = differences(await compare(options))
      await changed.sql(remove)
      assert.ok(
        result.some((text) => found.test(text)),
        `found only: ${result.join('; ')}`,
      )
    })
  }

  test('finds a sequence that lags behind', async () => {
    const [next] = await target.sql(`select last_value from shop.order_number`)
    await target.sql(`select setval('shop.order_number', 500000)`)
    const result = differences(await compare(options))
    await target.sql(`select setval('shop.order_number', $1)`, [next!['last_value']!])
    assert.match(result.join('\n'), /sequences: sequence shop\.order_number: the next value is/)
  })

  test('finds a lost and a doubled commit', async () => {
    const [first, second] = [...options.book!.ledger.acknowledged.keys()].map((name) => name.split('-'))
    await target.sql('delete from audit.app_transactions where writer = $1 and number = $2', first)
    await target.sql(`insert into audit.app_transactions values ($1, $2, 'again')`, second)
    const result = differences(await compare(options)).join('\n')
    assert.match(result, new RegExp(`ledger: 1 acknowledged commits are missing on the target, such as ${first!.join('-')}`))
    assert.match(result, new RegExp(`ledger: 1 transactions stand more than once on the target, such as ${second!.join('-')}`))
  })
})

test('the ledger of a writer whose connections break has every commit once', async () => {
  const source = await database(await server(13))
  await loadShop(source.url, 0.01)
  const money = await withSession(source.url, moneyIn)
  const writer = await startWriter(source.url, { ledger: path.join(folder, 'broken.tsv') })
  for (let round = 1; round <= 3; round++) {
    const seen = writer.commits
    await Promise.race([eventually('further commits', 60, () => writer.commits > seen + 50), writer.failure])
    await source.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    )
  }
  const ledger: Ledger = await writer.stop()
  assert.ok(ledger.rolledBack.size > 0)
  const lines = (await readFile(path.join(folder, 'broken.tsv'), 'utf8')).trim().split('\n')
  assert.equal(lines.length, ledger.acknowledged.size + ledger.uncertain.size + ledger.rolledBack.size)
  await withSession(source.url, async (session) => {
    assert.deepEqual((await compareLedger(ledger, session, 'source', money)).differences, [])
  })
})
