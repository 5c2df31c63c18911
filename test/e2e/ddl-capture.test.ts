import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { sharedMigration } from '../migration-run.ts'
import { eventually } from '../servers.ts'
import { remains, smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }
const ROWS = (table: string): string => `select t::text as row from ${table} t order by 1`

test('columns change on the source while a migration runs; nothing is left behind', LIMIT, async () => {
  const { source, target } = await smallPair(10, 18)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ddl: 'capture', ignoreWarnings: true })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  assert.equal((await running.status()).precheck?.items.find(({ name }) => name === 'ddl_capture')?.status, 'Passed')

  await source.sql(`begin; update customers set note = 'before' where id = 1; alter table customers add born date, add tries int not null default 3;
    update customers set born = '2000-02-29', tries = tries + 1 where id = 2; alter table customers rename note to remark;
    insert into customers (mail, remark) values ('new@example.org', 'after'); commit`)
  await source.sql('alter table journal drop line, add entry text; insert into journal (entry) values ($$x$$), ($$x$$)')
  await source.sql('create index on orders (total); alter table orders drop constraint orders_customer_fkey, add check (total >= 0)')
  await source.sql(`delete from journal where ctid = (select min(ctid::text)::tid from journal)`)
  await source.sql(`begin; create table visits (id serial primary key, customer int references customers); insert into visits (customer) values (1), (2); commit;
    create table notes (line text); insert into notes values ('x'), ('x')`)
  await source.sql(`update notes set line = 'y' where ctid = (select min(ctid::text)::tid from notes); alter table journal rename to diary;
    insert into diary (entry) values ('renamed')`)
  // Its rows are in no stream: copied while the others wait.
  await source.sql(
    `begin; create table old_orders as select * from orders; insert into old_orders select * from orders limit 1; commit; insert into old_orders select * from orders limit 2`,
  )
  const filled = await source.sql('select count(*) from old_orders')
  await eventually('the filled table', 60, async () => {
    const there = await target.sql(`select to_regclass('old_orders')::text as name`)
    return (
      there[0]?.['name'] === 'old_orders' && JSON.stringify(await target.sql('select count(*) from old_orders')) === JSON.stringify(filled)
    )
  })
  // Its rows are rewritten: it is emptied and copied again.
  await source.sql(
    `alter table visits drop constraint visits_customer_fkey, alter customer type text using 'customer ' || customer; insert into visits (customer) values ('after')`,
  )
  await source.sql(
    'create table granted (id int primary key); grant select on granted, visits to pg_monitor; revoke insert on diary from public',
  )
  await source.sql('create policy seen on granted for select to pg_monitor using (id > 0); alter table granted enable row level security')
  // Behind whoever holds the log the command goes on, and pgmove waits.
  const locked = new pg.Client({ connectionString: source.url })
  await locked.connect()
  await locked.query('begin; lock table pgmove.ddl_log')
  await source.sql('alter table notes add late int default 3')
  await locked.end()
  const waiting = await running.reach('a wait for the missed command', (s) => s.state === 'waiting')
  assert.equal(waiting.errors.items[0]?.type, 'UnsupportedDdl')
  await target.sql('alter table notes add late int default 3')
  await source.sql(`select setval('pgmove.ddl_missed', 1, false); insert into notes values ('missed', 4)`)
  await running.signal('resume')
  await running.signal('cutover')
  const report = await running.result()
  for (const table of ['customers', 'orders', 'diary', 'visits', 'notes', 'old_orders'])
    assert.deepEqual(await target.sql(ROWS(table)), await source.sql(ROWS(table)), table)
  assert.deepEqual(await remains(source), [])
  assert.deepEqual(await source.sql('select evtname from pg_event_trigger'), [])
  assert.deepEqual(report.metadata?.differences, [])
  assert.ok(!JSON.stringify(report).includes('pgmove_sql_drop'), "the event triggers of pgmove are nobody else's business")
})
