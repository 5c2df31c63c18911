import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import { copyTables } from '../../src/copy/copy-tables.ts'
import type { CopyTablesArgs } from '../../src/copy/copy-tables.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { forgetCopies, openSharedSnapshot, planShared } from '../../src/copy/shared-snapshot.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { fixtureOn, migrationFixture, WHOLE } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { database, eventually, server } from '../servers.ts'

const never = new AbortController().signal
const clients: pg.Client[] = []
after(async () => {
  for (const client of clients) await client.end().catch(() => undefined)
})

async function application(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}

async function plan(fixture: MigrationFixture) {
  const source = await fixture.session('source', 'plan')
  const target = await fixture.session('target', 'plan')
  return planCopy({ target, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
}

interface Hooks {
  /** Told of all bytes so far. */
  readonly sent?: (bytes: number) => void
  readonly paused?: () => Promise<void> | undefined
}

/** The sessions of one copying lane, and how it copies. */
async function lane(fixture: MigrationFixture, more: Partial<CopyTablesArgs> & Hooks = {}) {
  const source = await fixture.session('source', 'copy 0')
  const sourceObserver = await fixture.session('source', 'copy 0 observer')
  const target = await fixture.session('target', 'copy 0')
  const copy = async (name: string) => {
    const table = (await readMigratedTables(target, fixture.id)).find(({ sourceTable }) => sourceTable === name)
    assert.ok(table)
    const { sent, paused, ...args } = more
    let bytes = 0
    const [copied] = await copyTables({
      ...{ source, sourceObserver, target, id: fixture.id, tables: [table], incremental: true, replicaRole: true, signal: never },
      onProgress: (_, more) => sent?.((bytes += more)),
      gate: () => paused?.(),
      ...args,
    })
    assert.ok(copied)
    return copied
  }
  return { source, sourceObserver, target, copy }
}

async function contents(fixture: MigrationFixture, table: string) {
  const rows = `select count(*) as n, md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) as sum from ${table} t`
  return [await fixture.source.sql(rows), await fixture.target.sql(rows)]
}

async function assertEqual(fixture: MigrationFixture, table: string) {
  const [source, target] = await contents(fixture, table)
  assert.deepEqual(target, source)
}

const SHARED = { incremental: false }
const WIDE = `create table wide (id int primary key, body text)`
const FILL = `insert into wide select i, repeat(md5(i::text), 30) from generate_series(1, 40000) i`

for (const [from, to] of [
  [13, 17],
  [10, 18],
] as const) {
  test(`${from} to ${to}: rows arrive as they are, and the copy is recorded with its snapshot`, async () => {
    const fixture = await migrationFixture(
      await server(from),
      await server(to),
      `create table odd ("a b" int, "quo""ted" text, n text);
       create table no_columns ();
       create table parent (a int); create table child () inherits (parent);
       create table "Gen" (a int, b int ${from >= 12 ? 'generated always as (a * 2) stored' : ''})`,
    )
    await fixture.source.sql(
      `insert into odd select i, E'tab\\t newline\\n back\\\\slash \\\\. ünï ' || i, case when i % 3 = 0 then null when i % 3 = 1 then '' else '\\N' end from generate_series(1, 5000) i;
       insert into no_columns default values; insert into no_columns default values;
       insert into parent values (1); insert into child values (2), (3); insert into "Gen" (a) values (4)`,
    )
    const planned = await plan(fixture)
    assert.equal(planned.tables, 5)
    assert.deepEqual(await plan(fixture), planned, 'the plan is made once')
    const { copy, target } = await lane(fixture, { systemIdentifier: '7' })
    assert.equal((await copy('odd')).rows, '5000')
    assert.equal((await copy('no_columns')).rows, '2')
    assert.equal((await copy('parent')).rows, '1')
    assert.equal((await copy('child')).rows, '2')
    assert.equal((await copy('Gen')).rows, '1')
    for (const table of ['odd', 'no_columns', 'only parent', 'child', '"Gen"']) await assertEqual(fixture, table)
    const again = await copy('odd')
    assert.deepEqual([again.rows, again.now], ['5000', false])
    const tables = await readMigratedTables(target, fixture.id)
    for (const { copied, copiedAt, attempts } of tables) {
      assert.match(copied?.snapshot ?? '', /^\d+:\d+:/)
      assert.match(copied?.lsn ?? '', /^[0-9A-F]+\/[0-9A-F]+$/)
      assert.ok(copiedAt !== undefined)
      assert.equal(attempts, 1)
    }
    const [recorded] = await fixture.target.sql('select distinct timeline, system_identifier from pgmove.migrated_table')
    assert.deepEqual(recorded, { timeline: '1', system_identifier: '7' })
    assert.deepEqual((await plan(fixture)).groups.length, planned.groups.length, 'indexes are still to be built')
  })
}

test('a copy that was killed on the target leaves nothing, and its next attempt is noted', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  let killed = false
  const first = await lane(fixture, {
    sent: (bytes) => {
      if (bytes < 10_000_000 || killed) return
      killed = true
      void fixture.target.sql(`select pg_terminate_backend(${first.target.processId})`)
    },
  })
  await assert.rejects(first.copy('wide'), { kind: 'ConnectionLost', side: 'target' })
  assert.equal((await first.source.query('select 1 as one')).length, 1, 'the session on the source is usable again')
  const second = await lane(fixture)
  assert.equal((await second.copy('wide')).rows, '40000')
  await assertEqual(fixture, 'wide')
  const notes = await fixture.target.sql(`select kind, object from pgmove.note`)
  assert.deepEqual(notes, [{ kind: 'repeated', object: '"public"."wide"' }])
})

test('a copy whose source session was killed fails as a lost connection of the source', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  let killed = false
  const { copy, source, target } = await lane(fixture, {
    sent: () => {
      if (killed) return
      killed = true
      void fixture.source.sql(`select pg_terminate_backend(${source.processId})`)
    },
  })
  await assert.rejects(copy('wide'), { kind: 'ConnectionLost', side: 'source' })
  assert.equal((await target.query('select from public.wide')).length, 0)
})

test('two attempts at once copy the table once', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  const [first, second] = [await lane(fixture), await lane(fixture)]
  const results = await Promise.all([first.copy('wide'), second.copy('wide')])
  assert.deepEqual(results.map(({ now }) => now).sort(), [false, true])
  await assertEqual(fixture, 'wide')
})

test('a refused row names the table, holds no value, and leaves both sessions usable', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await fixture.target.sql(`alter table wide add check (id <> 30000)`)
  await plan(fixture)
  const { copy, source, target } = await lane(fixture)
  await assert.rejects(copy('wide'), (error: { kind: string; table?: string; message: string }) => {
    assert.equal(error.kind, 'RejectedByTarget')
    assert.equal(error.table, '"public"."wide"')
    assert.ok(!error.message.includes('30000'))
    return true
  })
  assert.equal((await source.query('select 1 as one')).length, 1)
  assert.equal((await target.query('select from public.wide')).length, 0)
  await fixture.target.sql('alter table wide drop constraint wide_id_check')
  assert.equal((await copy('wide')).rows, '40000')
})

test('a check that reads another table is satisfied once that one is copied; a refused table keeps no other from it', async () => {
  const fixture = await migrationFixture(
    await server(13),
    await server(17),
    `create table first (id int); create table second (id int); create table third (id int);
     create function known(int) returns boolean language plpgsql stable as $$ begin return exists (select from public.second where id = $1); end $$;
     alter table first add constraint known check (known(id))`,
  )
  await fixture.source.sql('insert into second values (1), (2); insert into first values (1); insert into third values (5)')
  await fixture.target.sql('alter table third add constraint low check (id < 5)')
  await plan(fixture)
  const { source, sourceObserver, target } = await lane(fixture)
  const all = async () => (await readMigratedTables(target, fixture.id)).sort((a, b) => (a.sourceTable < b.sourceTable ? -1 : 1))
  const args = { source, sourceObserver, target, id: fixture.id, incremental: true, replicaRole: true, signal: never }
  await assert.rejects(copyTables({ ...args, tables: await all() }), { kind: 'RejectedByTarget', message: /third/ })
  for (const table of ['first', 'second']) await assertEqual(fixture, table)
  await fixture.target.sql('alter table third drop constraint low')
  assert.deepEqual(
    (await copyTables({ ...args, tables: await all() })).map(({ rows, now }) => [rows, now]),
    [['1', false], ['2', false], ['1', true]],
  ) // prettier-ignore
})

test('an ALTER TABLE that waits gets through, and the copy begins again', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  const app = await application(fixture.source.url)
  let held = 0
  let altered: Promise<number> | undefined
  const { copy } = await lane(fixture, {
    paused: () => {
      // Holds the first attempt in the middle, as a big table would.
      if (held++ > 0) return undefined
      const started = Date.now()
      altered = app.query('alter table wide alter column body set storage external').then(() => Date.now() - started)
      return new Promise(() => undefined)
    },
  })
  assert.equal((await copy('wide')).rows, '40000')
  const waited = await altered
  assert.ok(waited !== undefined && waited < 3500, `the ALTER TABLE waited ${waited} ms`)
  await assertEqual(fixture, 'wide')
  const [{ attempts } = { attempts: '' }] = await fixture.target.sql('select attempts from pgmove.migrated_table')
  assert.equal(attempts, '2')
})

test('a pause holds the copy, a resume lets it go on', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  let release: (() => void) | undefined
  let atPause = 0
  let sent = 0
  const { copy } = await lane(fixture, {
    sent: (bytes) => (sent = bytes),
    paused: () => {
      if (release || sent < 5_000_000) return undefined
      atPause = sent
      return new Promise((resolve) => (release = resolve))
    },
  })
  const copied = copy('wide')
  await eventually('the pause', 20, async () => release !== undefined)
  assert.equal(sent, atPause)
  release?.()
  assert.equal((await copied).rows, '40000')
})

test('an abort ends a copy that is paused within two seconds', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await plan(fixture)
  const abort = new AbortController()
  const { copy } = await lane(fixture, {
    signal: abort.signal,
    paused: () => {
      abort.abort(new Error('cancelled by the test'))
      return new Promise(() => undefined)
    },
  })
  const started = Date.now()
  await assert.rejects(copy('wide'), /cancelled by the test/)
  assert.ok(Date.now() - started < 2000)
})

test('rows from before are removed, foreign keys of other tables are put aside and remembered', async () => {
  const schema = `create table parent (id int primary key); create table child (id int primary key, parent int references parent on delete cascade)`
  const fixture = await migrationFixture(await server(13), await server(17), schema)
  await fixture.source.sql(`insert into parent values (1), (2); insert into child values (1, 1)`)
  await fixture.target.sql(`insert into parent values (8), (9); insert into child values (7, 9)`)
  await plan(fixture)
  const { copy, target } = await lane(fixture)
  await copy('parent')
  await copy('child')
  await assertEqual(fixture, 'parent')
  await assertEqual(fixture, 'child')
  const changes = await target.query<{ kind: string; object: string; restore: string }>(
    'select kind, object, restore from pgmove.object_change',
  )
  assert.deepEqual(
    changes.map(({ kind, object }) => [kind, object]),
    [['foreign_key', '"public"."child"."child_parent_fkey"']],
  )
  await fixture.target.sql(changes[0]?.restore ?? '')
  assert.match(
    (
      await fixture.target.sql(
        `select pg_get_constraintdef(oid) as d from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`,
      )
    )[0]?.['d'] ?? '',
    /ON DELETE CASCADE/,
  )
})

test('what was emptied in the transaction of its copy is written frozen, what a key refers to is not', async () => {
  const schema = `create extension pageinspect; create table fresh (id int primary key); create table filled (id int primary key);
    create table referred (id int primary key); create table referring (id int references referred)`
  for (const major of [10, 17]) {
    const fixture = await migrationFixture(await server(13), await server(major), schema)
    for (const name of ['fresh', 'filled', 'referred']) await fixture.source.sql(`insert into ${name} select generate_series(1, 1000)`)
    await fixture.target.sql('insert into filled values (-1)')
    await plan(fixture)
    const { copy } = await lane(fixture)
    for (const [name, frozen] of [
      ['fresh', true],
      ['filled', true],
      ['referred', false],
    ] as const) {
      await copy(name)
      await assertEqual(fixture, name)
      // HEAP_XMIN_FROZEN (src/include/access/htup_details.h)
      const pages = await fixture.target.sql(`select distinct t_infomask & 768 = 768 as frozen
        from generate_series(0, pg_relation_size('${name}') / 8192 - 1) page, heap_page_items(get_raw_page('${name}', page::int))`)
      assert.deepEqual(pages, [{ frozen: frozen ? 't' : 'f' }], `${name} on ${major}`)
    }
  }
})

test('without replica role keys are put aside on both ends, also of partitioned tables', async () => {
  const schema = `create table parent (id int primary key);
    create table child (id int, parent int references parent) partition by range (id);
    create table child_1 partition of child for values from (0) to (100)`
  const fixture = await migrationFixture(await server(13), await server(17), schema)
  await fixture.source.sql(`insert into parent values (1); insert into child values (1, 1)`)
  await plan(fixture)
  const { copy } = await lane(fixture, { replicaRole: false })
  await copy('child_1')
  await copy('parent')
  await assertEqual(fixture, 'child')
  const [change] = await fixture.target.sql('select object, restore from pgmove.object_change')
  assert.equal(change?.['object'], '"public"."child"."child_parent_fkey"')
  await fixture.target.sql(change?.['restore'] ?? '')
})

test('a table that lost its counterpart waits for the operator', async () => {
  const fixture = await migrationFixture(
    await server(13),
    await server(17),
    `create table a (id int); create table b (id int); create table c (id int)`,
  )
  await plan(fixture)
  await fixture.source.sql('alter table a add column more int; drop table b')
  await fixture.target.sql('drop table c')
  const { copy } = await lane(fixture)
  await assert.rejects(copy('a'), { kind: 'UnsupportedDdl', table: '"public"."a"' })
  await assert.rejects(copy('b'), { kind: 'UnsupportedDdl', table: '"public"."b"' })
  await assert.rejects(copy('c'), { kind: 'SchemaMismatch', table: '"public"."c"' })
})

test('under one snapshot all tables agree, whatever happens meanwhile', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), `create table a (id int); create table b (id int)`)
  await fixture.source.sql('insert into a values (1); insert into b values (1)')
  await plan(fixture)
  const lanes = [await lane(fixture, SHARED), await lane(fixture, SHARED)] as const
  const tables = await readMigratedTables(lanes[0].target, fixture.id)
  const { shares } = planShared(tables, 2)
  const snapshot = await openSharedSnapshot([lanes[0].source, lanes[1].source], shares, never)
  await fixture.source.sql('insert into a values (2); insert into b values (2)')
  const app = await application(fixture.source.url)
  const truncated = app.query('truncate a, b')
  await eventually('the TRUNCATE to wait', 20, async () => (await fixture.source.sql('select from pg_locks where not granted')).length > 0)
  for (const [at, share] of shares.entries()) {
    for (const { sourceTable } of share) assert.equal((await lanes[at]?.copy(sourceTable))?.rows, '1')
  }
  assert.deepEqual(
    shares.map((share) => share.length),
    [1, 1],
  )
  assert.equal((await readMigratedTables(lanes[0].target, fixture.id))[0]?.copied, undefined)
  await snapshot.release()
  await truncated
  assert.equal(await forgetCopies(lanes[0].target, fixture.id, null), 2)
})

test('without a shared snapshot nothing is copied that is not streamed', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), `create table a (id int)`)
  await plan(fixture)
  const { copy } = await lane(fixture, SHARED)
  await assert.rejects(copy('a'), /SAVEPOINT can only be used in transaction blocks/)
})

test('a failed copy does not lose the shared snapshot', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), WIDE)
  await fixture.source.sql(FILL)
  await fixture.target.sql(`alter table wide add check (id <> 30000)`)
  await plan(fixture)
  const { copy, source, target } = await lane(fixture, SHARED)
  const snapshot = await openSharedSnapshot([source], [await readMigratedTables(target, fixture.id)], never)
  await assert.rejects(copy('wide'), { kind: 'RejectedByTarget' })
  await fixture.target.sql('alter table wide drop constraint wide_id_check')
  await fixture.source.sql('delete from wide')
  assert.equal((await copy('wide')).rows, '40000')
  await snapshot.release()
})

test('a table that is locked exclusively does not keep the others locked while the snapshot waits', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), `create table a (id int); create table b (id int)`)
  await plan(fixture)
  const app = await application(fixture.source.url)
  await app.query('begin; lock table b')
  const { source, target } = await lane(fixture, SHARED)
  const opening = openSharedSnapshot([source], [await readMigratedTables(target, fixture.id)], never)
  await eventually('pgmove to wait for b', 20, async () => (await fixture.source.sql('select from pg_locks where not granted')).length > 0)
  await app.query('lock table a; commit')
  await (await opening).release()
})

test('WAL of an idle server with an open writer does not hold a copy up', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), `create table a (id int)`)
  await plan(fixture)
  const writer = await application(fixture.source.url)
  await writer.query('begin; insert into a values (1)')
  const { copy } = await lane(fixture)
  const started = Date.now()
  assert.equal((await copy('a')).rows, '0')
  assert.ok(Date.now() - started < 10_000)
  await writer.query('rollback')
})

test('tables of another migration between the same databases are its own', async () => {
  const first = await migrationFixture(await server(13), await server(17), `create table a (id int)`)
  const second = await fixtureOn(first.source, await database(await server(17)))
  await second.target.sql('create table a (id int)')
  await plan(first)
  await plan(second)
  await (await lane(first)).copy('a')
  assert.equal((await (await lane(second)).copy('a')).now, true)
})
