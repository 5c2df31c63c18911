import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import type { Database } from '../../src/postgres/connect.ts'
import { assertSame, catchUp, copyOne, prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { eventually, ownServer, server, sql, uniqueName } from '../servers.ts'

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

const TABLE = 'create table t (id int primary key, note text)'

for (const major of [10, 13, 17]) {
  // HANDOFF.md 3.1: neither streamed nor visible to an ordinary snapshot while it hangs.
  test(`${major}: a commit that waits for a synchronous standby while the slot is made is not lost`, async () => {
    const own = await ownServer(major)
    const fixture = await migrationFixture(own, await server(17), TABLE)
    const { url } = fixture.source
    // Set before slot creation, for a reload fails it on some versions; only one session asks for the standby.
    await sql(url, `alter database "${fixture.source.name}" set synchronous_commit = 'local'`)
    await sql(url, `alter system set synchronous_standby_names = 'nowhere'`)
    await sql(url, 'select pg_reload_conf()')
    await eventually(
      'the setting',
      10,
      async () => (await sql(url, 'show synchronous_standby_names'))[0]?.['synchronous_standby_names'] === 'nowhere',
    )
    const [first, second, hanging] = [await application(url), await application(url), await application(url)]
    await hanging.query('set synchronous_commit = on')
    const xid = `select txid_current() as xid`
    // 10 needs a lock for its triggers, so this writer has written nothing yet.
    await first.query(`begin; ${xid}`)
    const waitedFor: string[] = []
    let prepared = false
    const preparing = prepareHandoff(fixture, (blocker) => waitedFor.push(blocker?.xid ?? '')).then(() => (prepared = true))
    await eventually('slot creation to wait for the first writer', 20, async () => waitedFor.length > 0)
    await second.query(`begin; insert into t values (2, 'open when the first one ends')`)
    await first.query('rollback')
    await eventually('slot creation to wait for the second writer', 20, async () => new Set(waitedFor).size > 1)

    await hanging.query('begin')
    const hangingXid = (await hanging.query<{ xid: string }>(xid)).rows[0]?.xid
    const committed = hanging.query(`insert into t values (3, 'hangs'); commit`)
    const waits = `select from pg_stat_activity where wait_event = 'SyncRep'`
    await eventually('the commit to hang', 10, async () => (await sql(url, waits)).length === 1)
    await second.query('rollback')
    const stored = async () => (await fixture.target.sql('select from pgmove.migration where slot is not null')).length === 1
    await eventually('the slot', 20, stored)

    const [{ slot_snapshot: snapshot } = { slot_snapshot: '' }] = await fixture.target.sql('select slot_snapshot from pgmove.migration')
    const seen = await sql(url, `select txid_visible_in_snapshot(${hangingXid}, '${snapshot}') as seen`)
    assert.deepEqual(seen, [{ seen: 't' }], 'the slot takes it for committed before its start')
    assert.equal((await sql(url, 'select from t')).length, 0, 'an ordinary snapshot does not see it')
    assert.equal(prepared, false, 'the guard holds the copy back')
    await sql(url, 'alter system reset synchronous_standby_names')
    await sql(url, 'select pg_reload_conf()')
    await committed
    await preparing
    await copyOne(fixture, 't')
    await catchUp(fixture)
    await assertSame(fixture, 't')
    assert.equal((await fixture.target.sql('select from t')).length, 1)
  })
}

for (const major of [10, 13]) {
  test(`${major}: a transaction that writes in subtransactions only comes exactly once`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), TABLE)
    await prepareHandoff(fixture)
    const [before, across] = [await application(fixture.source.url), await application(fixture.source.url)]
    const inSubtransactions = (id: number) => `
      begin; savepoint a; insert into t values (${id}, 'kept'); release a;
      savepoint b; insert into t values (${id + 1}, 'undone'); rollback to b;
      savepoint c; insert into t values (${id + 2}, 'kept too'); savepoint d; update t set note = 'twice' where id = ${id}; release c`
    await across.query(inSubtransactions(10))
    await before.query(inSubtransactions(20))
    await before.query('commit')
    assert.equal((await copyOne(fixture, 't')).rows, '2')
    await across.query('commit')
    await catchUp(fixture)
    await assertSame(fixture, 't')
    assert.equal((await fixture.target.sql('select from t')).length, 4)
  })

  test(`${major}: prepared transactions, open at slot creation and open at the copy, come exactly once`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), TABLE)
    const app = await application(fixture.source.url)
    const [early, late] = [uniqueName('early'), uniqueName('late')]
    const first = await application(fixture.source.url)
    await first.query('begin; select txid_current()')
    let waitsFor: string | undefined
    const preparing = prepareHandoff(fixture, (blocker) => (waitsFor = blocker?.gid ?? blocker?.pid))
    await eventually('slot creation to wait', 20, async () => waitsFor !== undefined)
    await app.query(`begin; insert into t values (1, 'before the slot')`)
    await app.query(`prepare transaction '${early}'`)
    await first.query('commit')
    await eventually('slot creation to wait for the prepared transaction', 20, async () => waitsFor === early)
    await app.query(`commit prepared '${early}'`)
    await preparing
    await app.query(`begin; insert into t values (2, 'before the copy')`)
    await app.query(`prepare transaction '${late}'`)
    assert.equal((await copyOne(fixture, 't')).rows, '1')
    await app.query(`commit prepared '${late}'`)
    await catchUp(fixture)
    await assertSame(fixture, 't')
    assert.equal((await fixture.target.sql('select from t')).length, 2)
  })

  test(`${major}: a rewrite in progress when the copy begins, and one that comes during it, lose nothing`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), TABLE)
    await fixture.source.sql(`insert into t select i, repeat('x', 500) from generate_series(1, 5000) i`)
    await prepareHandoff(fixture)
    const [app, other] = [await application(fixture.source.url), await application(fixture.source.url)]
    await app.query(`begin; alter table t alter column note type text using note || '!'`)
    let pieces = 0
    let second: Promise<unknown> | undefined
    const copying = copyOne(fixture, 't', {
      gate: () => {
        if (pieces++ > 0) return undefined
        second = other.query(`begin; alter table t alter column note type text using note || '?'; insert into t values (0, 'new'); commit`)
        return new Promise(() => undefined)
      },
    })
    const waits = `select from pg_locks where not granted and relation = 't'::regclass`
    await eventually('the copy to wait for the lock', 20, async () => (await fixture.source.sql(waits)).length > 0)
    await app.query('commit')
    assert.equal((await copying).rows, '5001')
    await second
    await catchUp(fixture)
    await assertSame(fixture, 't')
  })

  test(`${major}: TRUNCATE during a copy and after it`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), `${TABLE}; create table u (id int primary key)`)
    await fixture.source.sql(`insert into t select i, repeat('x', 500) from generate_series(1, 5000) i; insert into u values (1), (2)`)
    await prepareHandoff(fixture)
    const app = await application(fixture.source.url)
    await copyOne(fixture, 'u')
    let pieces = 0
    let truncated: Promise<unknown> | undefined
    await copyOne(fixture, 't', {
      gate: () => {
        if (pieces++ > 0) return undefined
        truncated = app.query(`begin; truncate t, u; insert into t values (1, 'after'); insert into u values (3); commit`)
        return new Promise(() => undefined)
      },
    })
    await truncated
    await catchUp(fixture)
    await assertSame(fixture, 't', 'u')
    assert.equal((await fixture.target.sql('select from u')).length, 1)
  })
}

test('a table that was copied but not recorded is copied again, and its changes come exactly once', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), TABLE)
  await fixture.source.sql(`insert into t select i, 'x' from generate_series(1, 1000) i`)
  await prepareHandoff(fixture)
  await fixture.source.sql(`delete from t where id <= 10; insert into t values (2000, 'between slot and copy')`)
  const dying = endedBefore(await fixture.session('target', 'copy t'), 'copied_at = clock_timestamp()', fixture.target.url)
  await assert.rejects(copyOne(fixture, 't', { target: dying }), { kind: 'ConnectionLost' })
  await fixture.source.sql(`delete from t where id = 11; update t set note = 'between the attempts' where id = 12`)
  assert.equal((await copyOne(fixture, 't')).rows, '990')
  await fixture.source.sql(`delete from t where id = 13; update t set note = 'after the copy' where id = 12`)
  await catchUp(fixture)
  await assertSame(fixture, 't')
})

/** A session whose backend is ended before it runs a statement with `text` in it. */
function endedBefore(session: Database, text: string, url: string): Database {
  return {
    client: session.client,
    side: session.side,
    version: session.version,
    processId: session.processId,
    endpoint: session.endpoint,
    query: async (statement, values) => {
      if (statement.includes(text)) await sql(url, `select pg_terminate_backend(${session.processId})`)
      return session.query(statement, values)
    },
    execute: (statement, values) => session.execute(statement, values),
    transaction: (body, begin) => session.transaction(body, begin),
    close: () => session.close(),
  }
}
