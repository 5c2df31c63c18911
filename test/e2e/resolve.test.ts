import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { assertKeptSecret } from '../kept-secret.ts'
import { sharedMigration } from '../migration-run.ts'
import type { RunningMigration } from '../migration-run.ts'
import { database, eventually, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { textWithin } from '../text-within.ts'

const run = promisify(execFile)
const LIMIT = { timeout: 300_000 }

const SOURCE = `
create table customers (id int primary key, mail text not null, note text);
create table orders (id int primary key, customer int not null references customers, total int not null);
create table events (id int primary key, customer int not null references customers, what text);
create table "Prices" (id int primary key, amount int not null, label text);
create table moods (id serial primary key, mood text);
create table steady (id int primary key);
create table twin_a (id int, what text);
create table twin_b (id int, what text);
insert into twin_a select i, 'a' from generate_series(1, 50) i;
insert into twin_b select i, 'b' from generate_series(1, 50) i;
-- Refused by the target already when it is copied.
create table relics (id int primary key, customer int references customers, check (current_setting('server_version_num')::int < 140000));
insert into customers select i, 'c' || i from generate_series(1, 300) i;
insert into orders select i, 1 + i % 200, i from generate_series(1, 500) i;
insert into events select i, 1 + i % 250, 'e' || i from generate_series(1, 500) i;
insert into "Prices" select i, i, 'p' || i from generate_series(1, 400) i;
insert into relics select i, i from generate_series(1, 10) i;
insert into moods (mood) select 'm' || i from generate_series(1, 100) i;
`
const TABLES = ['customers', 'orders', 'events', '"Prices"', 'moods', 'steady', 'twin_a', 'twin_b']
/** In every poisonous change; messages must not hold it. */
const SECRET = 'very-private-value'

interface Case {
  readonly name: string
  readonly kind: string
  /** By its name on the source. */
  readonly table: string
  readonly key: string | null
  /** Done to the target before the change. */
  readonly spoil: string
  readonly change: string
  readonly mend?: string
  readonly answer: 'resume' | 'retry' | 'copyAgain' | 'leaveOut'
}

const CASES: readonly Case[] = [
  {
    name: 'a check that only the target has, removed',
    ...{ kind: 'RejectedByTarget', table: 'customers', key: 'id', answer: 'resume' },
    spoil: `alter table customers add constraint short check (length(mail) < 10)`,
    change: `insert into customers values (1001, '${SECRET}')`,
    mend: `alter table customers drop constraint short`,
  },
  {
    name: 'a unique index that only the target has, removed',
    ...{ kind: 'RejectedByTarget', table: 'Prices', key: 'id', answer: 'retry' },
    spoil: `create unique index extra on "Prices" (label)`,
    change: `update "Prices" set label = '${SECRET}' where id in (3, 4)`,
    mend: `drop index extra`,
  },
  {
    name: 'a value that the target refuses, its table left out',
    ...{ kind: 'RejectedByTarget', table: 'events', key: 'id', answer: 'leaveOut' },
    spoil: `alter table events alter what type varchar(5)`,
    change: `insert into events values (1001, 300, '${SECRET}')`,
  },
  {
    name: 'a column that is gone, made again and its table copied',
    ...{ kind: 'SchemaMismatch', table: 'orders', key: null, answer: 'copyAgain' },
    spoil: `alter table orders drop column total`,
    change: `update orders set total = -7 where id = 17`,
    mend: `alter table orders add column total int not null default 0; alter table orders alter total drop default`,
  },
  {
    name: 'a table that is gone, made again and copied',
    ...{ kind: 'SchemaMismatch', table: 'Prices', key: null, answer: 'copyAgain' },
    spoil: `drop table "Prices"`,
    change: `update "Prices" set label = '${SECRET}' where id = 5`,
    mend: `create table "Prices" (id int primary key, amount int not null, label text)`,
  },
  {
    name: 'a row that an UPDATE does not find, its table, which others refer to, copied',
    ...{ kind: 'TargetDiverged', table: 'customers', key: 'id', answer: 'copyAgain' },
    spoil: `delete from customers where id = 299`,
    change: `update customers set mail = '${SECRET}' where id = 299`,
  },
  {
    name: 'a row that is in the way of an INSERT, removed',
    ...{ kind: 'TargetDiverged', table: 'moods', key: 'id', answer: 'retry' },
    spoil: `insert into moods values (101, 'mine')`,
    change: `insert into moods values (101, '${SECRET}')`,
    mend: `delete from moods where id = 101`,
  },
  {
    name: 'a row that a DELETE does not find, its table left out',
    ...{ kind: 'TargetDiverged', table: 'moods', key: 'id', answer: 'leaveOut' },
    spoil: `delete from moods where id = 50`,
    change: `delete from moods where id = 50 and mood <> '${SECRET}'`,
  },
]

async function rows(of: TestDatabase, table: string): Promise<Record<string, string | null>[]> {
  return of.sql(`select t::text as row from ${table} t order by 1`)
}

test('every poisonous change waits with its place and without its values, and is answered in every way', LIMIT, async (t) => {
  const source = await database(await server(13))
  const target = await database(await server(17))
  await source.sql(SOURCE)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true })
  const copying = await running.reach('the refused copy', (s) => s.state === 'waiting')
  const refused = copying.errors.items.at(-1)
  assert.equal(refused?.type, 'RejectedByTarget', refused?.message)
  assert.ok(refused.message.includes(`'{"schema":"public","table":"relics","action":"retry"}'`), refused.message)
  await resolve(running, { schema: 'public', table: 'relics', action: 'leaveOut' })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  await assert.rejects(resolve(running, { schema: 'public', table: 'customers', action: 'retry' }), because(/no error of .* waits/))

  for (const [number, one] of CASES.entries()) {
    await t.test(one.name, async () => {
      const before = (await running.status()).errors.total
      await target.sql(one.spoil)
      await source.sql(`begin; insert into steady values (${number}); ${one.change}; commit`)
      const waiting = await running.reach('the wait', (s) => s.state === 'waiting' && s.errors.total > before)
      const error = waiting.errors.items.at(-1)
      assert.equal(error?.type, one.kind, error?.message)
      assert.match(error.message, /[0-9A-F]+\/[0-9A-F]+/)
      assert.ok(error.message.includes(one.table), error.message)
      if (one.key !== null) assert.ok(error.message.includes(`(key: ${one.key})`), error.message)
      assert.ok(!error.message.includes(SECRET), error.message)
      assert.ok(!textWithin((await running.handle.describe()).raw).includes(SECRET))
      assert.ok(error.message.length <= 1000)
      assert.ok(
        error.message.includes(`--name resolve --input '{"schema":"public","table":"${one.table}","action":"retry"}'`),
        error.message,
      )
      assert.deepEqual(await target.sql(`select from steady where id = ${number}`), [])
      const [slot] = await source.sql(`select count(*) as n from pg_replication_slots where database = current_database()`)
      assert.equal(slot?.['n'], '1')
      if (number === 0) await refusals(running)
      if (one.mend !== undefined) await target.sql(one.mend)
      if (one.answer === 'resume') await running.signal('resume')
      else await resolve(running, { schema: 'public', table: one.table, action: one.answer }, number % 2 === 0 ? migration : undefined)
      await eventually('the transaction', 60, async () => (await target.sql(`select from steady where id = ${number}`)).length === 1)
      if (one.answer !== 'leaveOut') await eventually('equal rows', 30, async () => isEqual(one.table))
    })
  }

  async function isEqual(table: string): Promise<boolean> {
    const name = TABLES.find((other) => other.includes(table)) ?? table
    return JSON.stringify(await rows(target, name)) === JSON.stringify(await rows(source, name))
  }

  await t.test('a left-out table is passed over, told, and taken back by copyAgain', async () => {
    const { warnings } = await running.status()
    assert.match(warnings.items.join('\n'), /Left out: "public"."events"/)
    await source.sql(`insert into moods values (201, 'passed over'); insert into steady values (100)`)
    await eventually('the others', 30, async () => (await target.sql(`select from steady where id = 100`)).length === 1)
    assert.deepEqual(await target.sql(`select from moods where mood = 'passed over'`), [])
    await resolve(running, { schema: 'public', table: 'moods', action: 'copyAgain' })
    await eventually('equal rows', 60, async () => isEqual('moods'))
    await source.sql(`insert into moods values (202, 'streamed')`)
    await eventually('equal rows', 30, async () => isEqual('moods'))
    assert.doesNotMatch((await running.status()).warnings.items.join('\n'), /Left out: "public"."moods"/)
  })

  await t.test('tables that trade their names are noticed, and copied again', async () => {
    const before = (await running.status()).errors.total
    await source.sql(
      `begin; alter table twin_a rename to twin; alter table twin_b rename to twin_a; alter table twin rename to twin_b; commit`,
    )
    await source.sql(`update twin_a set what = 'of b' where id < 9; update twin_b set what = 'of a' where id < 9`)
    const first = await running.reach('the wait', (s) => s.state === 'waiting' && s.errors.total > before)
    assert.equal(first.errors.items.at(-1)?.type, 'UnsupportedDdl')
    assert.match(first.errors.items.at(-1)?.message ?? '', /"twin_a" is another table than the one that had this name/)
    await resolve(running, { schema: 'public', table: 'twin_a', action: 'copyAgain' })
    const second = await running.reach('the next wait', (s) => s.state === 'waiting' && s.errors.total > first.errors.total)
    assert.match(second.errors.items.at(-1)?.message ?? '', /"twin_b" is another table/)
    await resolve(running, { schema: 'public', table: 'twin_b', action: 'copyAgain' })
    await eventually('equal rows', 60, async () => (await isEqual('twin_a')) && (await isEqual('twin_b')))
    await source.sql(`insert into twin_a values (99, 'streamed')`)
    await eventually('equal rows', 30, async () => isEqual('twin_a'))
  })

  await t.test('the foreign keys stand again but for those of the left-out table', async () => {
    await eventually('the key of orders', 30, async () => (await foreignKeys(target)).join() === 'orders_customer_fkey true')
  })

  // What the left-out table still refers to on the target may go.
  await source.sql(`delete from events where customer = 250; delete from customers where id = 250`)
  // Tables that came meanwhile hold the cutover up, until one is copied and the other left out too.
  await source.sql(`create table fresh (id serial primary key);
    create table late (id int primary key, what text); insert into late select i, 'w' || i from generate_series(1, 70) i`)
  await target.sql(`create table late (id int primary key, what text)`)
  await running.signal('cutover')
  const held = await running.reach('the wait of the cutover', (s) => s.phase === 'cutover' && s.state === 'waiting')
  assert.equal(held.errors.items.at(-1)?.type, 'UnsupportedDdl')
  await resolve(running, { schema: 'public', table: 'late', action: 'copyAgain' })
  const heldAgain = await running.reach('the next wait', (s) => s.state === 'waiting' && s.errors.total > held.errors.total)
  assert.match(heldAgain.errors.items.at(-1)?.message ?? '', /"fresh" is new/)
  await assert.rejects(resolve(running, { schema: 'public', table: 'orders', action: 'leaveOut' }), because(/those of "public.fresh" do/))
  await running.signal('abortCutover')
  await eventually('the late table', 30, async () => isEqual('late'))
  await source.sql(`update late set what = 'changed' where id = 3; insert into late values (1000, 'streamed')`)
  await eventually('changes of the late table', 30, async () => isEqual('late'))
  await running.signal('cutover')
  await running.reach('the wait of the next cutover', (s) => s.phase === 'cutover' && s.state === 'waiting')
  await resolve(running, { schema: 'public', table: 'fresh', action: 'leaveOut' })
  const report = await running.result()
  for (const table of [...TABLES, 'late']) {
    if (table === 'events') assert.notDeepEqual(await rows(target, table), await rows(source, table))
    else assert.deepEqual(await rows(target, table), await rows(source, table), table)
  }
  assert.deepEqual(await foreignKeys(target), ['events_customer_fkey false', 'orders_customer_fkey true', 'relics_customer_fkey true'])
  await assertKeptSecret([SECRET], { run: running, target, log: await migration.workerLog() })
  assert.deepEqual(
    report.skipped.items.filter(({ reason }) => reason.startsWith('Left out')).map(({ object }) => object),
    ['"public"."relics"', '"public"."events"', '"public"."fresh"'],
  )
  const again = report.repeated.items.filter(({ reason }) => reason.startsWith('Copied again')).map(({ object }) => object)
  assert.deepEqual(again.sort(), [
    '"public"."Prices"',
    '"public"."customers"',
    '"public"."late"',
    '"public"."moods"',
    '"public"."orders"',
    '"public"."twin_a"',
    '"public"."twin_b"',
  ])
  assert.match(report.warnings.items.join('\n'), /events_customer_fkey.*NOT VALID/)
  assert.equal(report.validation.tables, TABLES.length)
})

async function foreignKeys(of: TestDatabase): Promise<string[]> {
  const found = await of.sql(
    `select conname || ' ' || convalidated as key from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace order by 1`,
  )
  return found.map(({ key }) => key ?? '')
}

/** By the update, or as an operator does by the CLI. */
async function resolve(running: RunningMigration, answer: Record<string, string>, byCli?: { cli: string; address: string }): Promise<void> {
  if (!byCli) return running.handle.executeUpdate('resolve', { args: [answer] })
  const message = ['workflow', 'signal', '--workflow-id', running.workflowId, '--name', 'resolve', '--input', JSON.stringify(answer)]
  await run(byCli.cli, [...message, '--address', byCli.address])
}

/** While customers waits. */
async function refusals(running: RunningMigration): Promise<void> {
  for (const [argument, reason] of [
    [undefined, /expected an object/],
    [{ schema: 'public', table: 'customers' }, /action/],
    [{ schema: 'public', table: 'customers', action: 'ignore' }, /action "ignore"/],
    [{ schema: 'public', table: 'customers', action: 'retry', rows: 1 }, /unknown key/],
    [{ schema: 'public', table: 'orders', action: 'leaveOut' }, /those of "public.customers" do/],
  ] as const) {
    await assert.rejects(running.handle.executeUpdate('resolve', { args: [argument] }), because(reason))
    await running.signal('resolve', argument)
  }
  const refused = await eventually('the refusals', 10, async () => {
    const { errors } = await running.status()
    const of = errors.items.filter(({ type }) => type === 'InvalidArgument')
    return of.length === 5 ? of : undefined
  })
  assert.equal((await running.status()).state, 'waiting')
  assert.equal(refused.length, 5)
}

function because(reason: RegExp): (error: Error & { cause?: Error }) => boolean {
  return (error) => reason.test(error.cause?.message ?? error.message)
}
