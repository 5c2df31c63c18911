import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import pg from 'pg'
import { sharedMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { database, eventually, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const LIMIT = { timeout: 300_000 }
const SOURCE = `
create table customers (id int primary key, name text not null);
create table orders (id int primary key, customer int not null references customers, total int not null);
create table visits (id int primary key, customer int references customers, page text);
insert into customers select i, 'c' || i from generate_series(1, 500) i;
insert into orders select i, 1 + i % 500, i from generate_series(1, 2000) i;
insert into visits select i, 1 + i % 500, 'p' || i from generate_series(1, 500) i;
`

describe('one table is in the way', () => {
  for (const [from, to, fence] of [
    [13, 17, 'readOnly'],
    [10, 18, 'none'],
  ] as const) {
    test(
      `${from} to ${to}: while one table is left out or copied again the others stream on; DDL and the cutover wait for the copy`,
      LIMIT,
      async () => {
        const source = await database(await server(from))
        const target = await database(await server(to))
        await source.sql(SOURCE)
        const migration = await sharedMigration({ source: source.url, target: target.url })
        const running = await migration.start({ ignoreWarnings: true, ddl: 'capture', cutover: { fence } })
        await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
        const waits = () => running.reach('the wait', (s) => s.state === 'waiting' && s.waits?.[0]?.table?.table === 'orders')
        const arrives = (id: number) =>
          eventually(`visit ${id}`, 30, async () => (await target.sql(`select from visits where id = ${id}`)).length === 1)

        // A copy that DDL asks for, held by its limit.
        const uncopied = `select from pgmove.migrated_table where source_table = 'orders' and copied_at is null`
        await running.signal('setTransferRate', { rowsPerSecond: 5 })
        await source.sql(`alter table orders alter total type bigint using total * 2`)
        await eventually('the mark', 30, async () => (await target.sql(uncopied)).length === 1)
        await source.sql(`update orders set total = total + 1 where id < 20; insert into visits values (1000, 5, 'while orders is copied')`)
        await arrives(1000)
        assert.equal((await target.sql(uncopied)).length, 1)
        await running.signal('setTransferRate', { rowsPerSecond: null })
        const totals = `select sum(total) as sum, count(*) as rows from orders`
        await eventually(
          'the new copy',
          30,
          async () => JSON.stringify(await target.sql(totals)) === JSON.stringify(await source.sql(totals)),
        )

        await target.sql(`delete from orders where id in (7, 8)`)
        await source.sql(`update orders set total = 0 where id = 7`)
        await waits()
        await resolve(running, 'leaveOut')
        await source.sql(`update orders set total = -1 where id = 8; insert into visits values (1001, 5, 'while orders is left out')`)
        await arrives(1001)

        // The copy empties the table first.
        const holder = new pg.Client({ connectionString: target.url })
        await holder.connect()
        await holder.query('begin; lock table orders in access share mode')
        await resolve(running, 'copyAgain')
        await source.sql(
          `insert into customers values (501, 'new'); insert into orders values (3001, 501, 1); insert into visits values (1002, 501, 'beside')`,
        )
        await arrives(1002)
        await eventually('the copy to wait for the lock', 30, async () => waitsForLock(target))
        const meanwhile = await running.reach('undelayed replication', (s) => s.undelayed)
        assert.match(meanwhile.warnings.items.join('\n'), /A table is copied again and is behind the others/)
        await running.signal('pause')
        await running.reach('the pause', (s) => s.state === 'paused')
        await running.signal('resume')
        await source.sql(`delete from orders where id < 500; insert into visits values (1003, 501, 'after a pause')`)
        await arrives(1003)

        // From here on the others wait too.
        await source.sql(`alter table customers add column mail text; insert into visits values (1004, 501, 'behind ddl')`)
        await running.signal('cutover')
        const asked = await running.reach('the request', (s) => s.cutoverRequested === true)
        assert.equal(asked.phase, 'incremental')
        await source.sql(`update orders set total = total + 1, id = id + 10000 where id % 3 = 0`)
        const slot = `select active from pg_replication_slots where database = current_database()`
        await eventually('the stream to end before the DDL', 30, async () => (await source.sql(slot))[0]?.['active'] === 'f')
        assert.equal(await count(target, 'visits where id = 1004'), '0')
        assert.equal((await running.status()).phase, 'incremental')
        await holder.query('rollback')
        await holder.end()

        const report = await running.result()
        for (const table of ['customers', 'orders', 'visits']) {
          const rows = `select t::text as row from ${table} t order by 1`
          assert.deepEqual(await target.sql(rows), await source.sql(rows), table)
        }
        assert.deepEqual(
          await target.sql(
            `select conname as key, convalidated as valid from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace order by 1`,
          ),
          [
            { key: 'orders_customer_fkey', valid: 't' },
            { key: 'visits_customer_fkey', valid: 't' },
          ],
        )
        assert.ok(report.repeated.items.some(({ object }) => object === '"public"."orders"'))
      },
    )
  }
})

function resolve(running: RunningMigration, action: 'copyAgain' | 'leaveOut'): Promise<void> {
  return running.handle.executeUpdate('resolve', { args: [{ schema: 'public', table: 'orders', action }] })
}

async function waitsForLock(target: TestDatabase): Promise<boolean> {
  const rows = await target.sql(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'truncate%orders%'`,
  )
  return rows.length === 1
}

async function count(of: TestDatabase, what: string): Promise<string | null | undefined> {
  return (await of.sql(`select count(*) as n from ${what}`))[0]?.['n']
}
