import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { checkMissedDdl, installDdlCapture } from '../../src/source/ddl-capture.ts'
import { releaseSource, removalStatements } from '../../src/source/release-source.ts'
import { installSourceSchema } from '../../src/source/source-schema.ts'
import { migrationFixture, NAMESPACE_ID } from '../migration-fixture.ts'
import { server, uniqueName } from '../servers.ts'

const never = new AbortController().signal
const EVERYTHING = { objects: null, exclude: [] }

interface Item {
  readonly tag?: string
  readonly type: string
  readonly identity: string
  readonly subid?: number
  readonly reason?: number
}

interface State {
  readonly columns: readonly { name: string; type: string; missing: string | null; notNull: boolean }[]
}

interface LogRow {
  readonly event: string
  readonly tag: string
  readonly search_path: string
  readonly active_role: string
  readonly session_role: string
  readonly items: readonly Item[]
  readonly tables: readonly { readonly before: State | null; readonly after: State }[]
}

for (const from of [10, 18]) {
  test(`DDL of an ordinary role is written into the log, in its transaction; its DDL never fails because of that; ${from}`, async () => {
    const role = uniqueName('app')
    const fixture = await migrationFixture(await server(from), await server(17), 'select')
    const sql = async (text: string) => fixture.source.sql(text)
    await sql(`create role ${role}; create schema shop authorization ${role}`)
    const source = await fixture.session('source', 'capture')
    const by = { id: fixture.id, namespaceId: NAMESPACE_ID, workflowId: fixture.ref.workflowId, firstRunId: fixture.ref.firstRunId }
    await installSourceSchema(source, by, never)
    assert.equal(await installDdlCapture(source, by, EVERYTHING, never), true)
    assert.equal(await installDdlCapture(source, by, EVERYTHING, never), true, 'again')

    const application = new pg.Client({ connectionString: fixture.source.url })
    await application.connect()
    await application.query(`set role ${role}; set search_path to shop`)
    const read = async (): Promise<LogRow[]> => {
      const rows = await sql('select event, tag, search_path, active_role, session_role, payload from pgmove.ddl_log order by entry')
      return rows.map(({ payload, ...row }) => ({ ...row, ...(JSON.parse(payload ?? '') as object) }) as unknown as LogRow)
    }
    const drawn = async (statements: string) => {
      await sql('delete from pgmove.ddl_log')
      await application.query(statements)
      return read()
    }

    const [made] = await drawn(`create table item (id bigint primary key, name varchar(20) not null); insert into item values (1, 'a')`)
    assert.deepEqual([made?.tag, made?.search_path, made?.active_role, made?.session_role], ['CREATE TABLE', '{shop}', role, 'postgres'])
    assert.deepEqual(
      made?.tables[0]?.after.columns.map(({ name, type, notNull }) => [name, type, notNull]),
      [
        ['id', 'bigint', true],
        ['name', 'character varying(20)', true],
      ],
    )
    assert.equal(made.tables[0]?.before, null)
    // Each command of a DO block by itself, though the text is the same.
    const block = await drawn(
      `do $$ begin alter table item add a int; insert into item values (2, 'b', 3); alter table item rename a to b; end $$`,
    )
    assert.deepEqual(
      block.map(({ items }) => items.map(({ tag, identity, subid }) => [tag, identity, (subid ?? 0) > 0])),
      [[['ALTER TABLE', 'shop.item', false]], [['ALTER TABLE', 'shop.item.b', true]]],
    )
    // What existing rows get is the value, not the expression, where PostgreSQL stores it.
    const added = await drawn(`alter table item add c text default 'x', drop column b`)
    assert.deepEqual(
      added.map((row) => row.event),
      from < 11 ? ['table_rewrite', 'sql_drop', 'ddl_command_end'] : ['sql_drop', 'ddl_command_end'],
    )
    // The first event that sees the table has the difference.
    const [change] = added.flatMap(({ tables }) => tables)
    assert.deepEqual(
      change?.before?.columns.map(({ name }) => name),
      ['id', 'name', 'b'],
    )
    assert.deepEqual(
      change?.after.columns.map(({ name, missing }) => [name, missing]),
      [
        ['id', null],
        ['name', null],
        ['c', from < 11 ? null : 'x'],
      ],
    )
    assert.deepEqual(
      added.find(({ event }) => event === 'sql_drop')?.items.map(({ type, identity }) => [type, identity]),
      [['table column', 'shop.item.b']],
    )
    const rewritten = await drawn('alter table item alter id type int using id + 1')
    assert.ok(
      rewritten.some(({ event, items }) => event === 'table_rewrite' && items[0]?.identity === 'shop.item' && items[0].reason === 4),
    )

    assert.deepEqual(await drawn('begin; alter table item add gone int; rollback'), [])
    assert.deepEqual(await drawn('create temp table t (a int); alter table t add b int; drop table t'), [])

    // A root's command changes its partitions, a schema's new name its tables.
    await drawn('create table part (a int) partition by list (a); create table part1 partition of part for values in (1)')
    const grown = await drawn('alter table part add b int')
    assert.deepEqual(
      grown.flatMap(({ tables }) => tables).map(({ before, after }) => [before?.columns.length, after.columns.length]),
      [
        [1, 2],
        [1, 2],
      ],
    )
    await drawn('create index concurrently on item (name)')

    // A published table that loses its key can still be written.
    await sql(`create publication capturing for table shop.item; insert into pgmove.installed (id, kind, name, namespace_id, workflow_id, first_run_id)
      select id, 'publication', 'capturing', namespace_id, workflow_id, first_run_id from pgmove.installed where kind = 'schema'`)
    await application.query('begin; alter table item drop constraint item_pkey; update item set name = name; commit')
    await application.query('update item set name = name')
    assert.deepEqual(await sql(`select name, previous from pgmove.installed where kind = 'replica identity'`), [
      { name: '"shop"."item"', previous: 'd' },
    ])
    await sql('drop publication capturing')
    await sql(`delete from pgmove.installed where kind = 'publication'`)

    await checkMissedDdl(source)
    const isMissed = async (statements: string) => {
      await application.query(statements)
      await assert.rejects(checkMissedDdl(source), (error: { kind?: string; hint?: string }) => {
        assert.equal(error.kind, 'UnsupportedDdl')
        assert.match(error.hint ?? '', /setval\('pgmove.ddl_missed', 1, false\)/)
        return true
      })
      await sql(`select setval('pgmove.ddl_missed', 1, false)`)
      await checkMissedDdl(source)
    }
    await sql('alter table pgmove.ddl_log rename to hidden')
    await sql(`select setval('pgmove.ddl_missed', 1, false)`)
    await isMissed('alter table item add unseen int; drop table item')
    await sql('alter table pgmove.hidden rename to ddl_log')
    await sql(`select setval('pgmove.ddl_missed', 1, false)`)
    // Behind whoever holds the log, not for longer than a moment.
    const locked = new pg.Client({ connectionString: fixture.source.url })
    await locked.connect()
    await locked.query('begin; lock table pgmove.ddl_log')
    await isMissed('create table waited (a int)')
    await locked.end()
    await application.end()
    assert.equal((await sql(`select to_regclass('shop.waited')::text as name`))[0]?.['name'], 'shop.waited')

    assert.match((await removalStatements(source, fixture.id)).join(), /drop event trigger if exists pgmove_sql_drop/)
    const other = { ...by, id: 'f'.repeat(16) }
    assert.equal(await installDdlCapture(source, other, EVERYTHING, never), true)
    await installSourceSchema(source, other, never)
    assert.deepEqual(await releaseSource({ source, id: other.id, deadline: Date.now() + 20_000, signal: never }), { left: [] })
    assert.equal((await sql(`select count(*) as n from pg_event_trigger where evtname like 'pgmove%'`))[0]?.['n'], '3', 'still in use')
    assert.deepEqual(await releaseSource({ source, id: fixture.id, deadline: Date.now() + 20_000, signal: never }), { left: [] })
    assert.deepEqual(
      await sql(
        `select evtname from pg_event_trigger where evtname like 'pgmove%' union all select nspname from pg_namespace where nspname = 'pgmove'`,
      ),
      [],
    )

    // By hand, while nobody can reach pgmove.
    await installSourceSchema(source, by, never)
    assert.equal(await installDdlCapture(source, by, EVERYTHING, never), true)
    await sql('drop schema pgmove cascade; create table free (a int)')
    assert.deepEqual(await sql(`select evtname from pg_event_trigger`), [])
  })
}

test('a role that may not make event triggers changes nothing', async () => {
  const role = uniqueName('plain')
  const fixture = await migrationFixture(await server(13), await server(17), 'select')
  const source = await fixture.session('source', 'capture')
  const by = { id: fixture.id, namespaceId: NAMESPACE_ID, workflowId: fixture.ref.workflowId, firstRunId: fixture.ref.firstRunId }
  await installSourceSchema(source, by, never)
  await fixture.source.sql(
    `create role ${role}; grant all on schema pgmove to ${role}; grant all on all tables in schema pgmove to ${role}`,
  )
  await source.query(`set role ${role}`)
  assert.equal(await installDdlCapture(source, by, EVERYTHING, never), false)
  await source.query('reset role')
  assert.deepEqual(
    await fixture.source.sql(
      `select to_regclass('pgmove.ddl_log')::text as log, (select count(*) from pg_event_trigger)::text as triggers`,
    ),
    [{ log: null, triggers: '0' }],
  )
})
