import assert from 'node:assert/strict'
import net from 'node:net'
import { after, test } from 'node:test'
import pg from 'pg'
import { sqlState } from '../../src/errors/classify.ts'
import { MigrationError } from '../../src/errors/migration-error.ts'
import { parseLsn } from '../../src/postgres/lsn.ts'
import { openChangeStream } from '../../src/replication/change-stream.ts'
import type { ChangeStream, ChangeStreamOptions, StreamItem } from '../../src/replication/change-stream.ts'
import type { PgoutputMessage } from '../../src/replication/pgoutput-message.ts'
import type { Tuple } from '../../src/replication/tuple.ts'
import { database, eventually, ownServer, server, uniqueName } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'

const MAJORS = [10, 13, 17, 18]
const open = new Set<ChangeStream>()
after(async () => {
  for (const stream of open) await stream.close()
})

function config(url: string): pg.ClientConfig {
  const { hostname, port, username, pathname } = new URL(url)
  return { host: hostname, port: Number(port), user: username, database: pathname.slice(1) }
}

async function source(on: { url(database: string): string }, tables: string) {
  const created = await database(on)
  const name = uniqueName('s')
  await created.sql(`${tables}; create publication ${name} for all tables`)
  await created.sql(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`)
  const stream = async (options: Partial<ChangeStreamOptions> = {}) => {
    const opened = await openChangeStream({ clientConfig: config(created.url), slot: name, publication: name, ...options })
    open.add(opened)
    return opened
  }
  return { ...created, slot: name, stream }
}

/** Reads until `done` says so of an item; ends in an error if the test's time is over. */
async function readUntil(stream: ChangeStream, done: (item: StreamItem) => boolean): Promise<StreamItem[]> {
  const items: StreamItem[] = []
  for (;;) {
    const batch = await stream.nextBatch()
    assert.notEqual(batch.length, 0, 'the stream was closed')
    items.push(...batch)
    if (batch.some(done)) return items
  }
}

const messages = (items: readonly StreamItem[]) => items.flatMap((item) => (item.kind === 'message' ? [item.message] : []))
const isType = (type: PgoutputMessage['type']) => (item: StreamItem) => item.kind === 'message' && item.message.type === type
const texts = (tuple: Tuple | null) =>
  tuple?.values().map((value) => (Buffer.isBuffer(value) ? value.toString() : (value && 'unchanged') || null)) ?? null

/** A message with its row as text and its relation as a name, without what differs from run to run. */
function plain(message: PgoutputMessage): unknown[] {
  switch (message.type) {
    case 'insert':
      return ['insert', message.relation.table, texts(message.new)]
    case 'update':
      return ['update', message.relation.table, message.oldKind, texts(message.old), texts(message.new)]
    case 'delete':
      return ['delete', message.relation.table, message.oldKind, texts(message.old)]
    case 'truncate':
      return ['truncate', message.relations.map((r) => r.table).sort(), message.cascade, message.restartIdentity]
    case 'relation':
      return [
        'relation',
        message.schema,
        message.table,
        message.replicaIdentity,
        message.columns.map((c) => (c.key ? `*${c.name}` : c.name)),
      ]
    case 'type':
      return ['type', message.schema, message.name]
    default:
      return [message.type]
  }
}

async function confirmed(of: TestDatabase, slot: string): Promise<string | null> {
  const [row] = await of.sql('select confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = $1', [slot])
  return row!['lsn'] ?? null
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: decodes every kind of message`, { timeout: 60_000 }, async () => {
    const db = await source(
      await server(major),
      `create type mood as enum ('sad', 'ok');
       create table "Größe" (id int primary key, body text, m mood);
       alter table "Größe" alter body set storage external;
       create table child (id int references "Größe", v text);
       alter table child replica identity full`,
    )
    const stream = await db.stream()
    const big = 'x'.repeat(10_000)
    await db.sql(
      `begin; insert into "Größe" values (1, '${big}', 'ok'), (2, null, null); insert into child values (1, 'a');
       update "Größe" set m = 'sad' where id = 1; update "Größe" set id = 3 where id = 2;
       update child set v = 'b'; delete from child; delete from "Größe" where id = 3; commit`,
    )
    const items = await readUntil(stream, isType('commit'))
    const found = messages(items)
    assert.deepEqual(found.map(plain), [
      ['begin'],
      ['type', 'public', 'mood'],
      ['relation', 'public', 'Größe', 'd', ['*id', 'body', 'm']],
      ['insert', 'Größe', ['1', big, 'ok']],
      ['insert', 'Größe', ['2', null, null]],
      ['relation', 'public', 'child', 'f', ['*id', '*v']],
      ['insert', 'child', ['1', 'a']],
      ['update', 'Größe', null, null, ['1', 'unchanged', 'sad']],
      ['update', 'Größe', 'K', ['2', null, null], ['3', null, null]],
      ['update', 'child', 'O', ['1', 'a'], ['1', 'b']],
      ['delete', 'child', 'O', ['1', 'b']],
      ['delete', 'Größe', 'K', ['3', null, null]],
      ['commit'],
    ])
    const begin = found[0]!
    const commit = found.at(-1)!
    assert.ok(begin.type === 'begin' && commit.type === 'commit')
    assert.equal(begin.finalLsn, commit.commitLsn)
    assert.ok(commit.endLsn > commit.commitLsn && stream.receivedLsn >= commit.endLsn)

    await db.sql('truncate "Größe" cascade')
    const rest = messages(await readUntil(stream, isType('commit'))).map(plain)
    assert.deepEqual(rest.at(major === 10 ? 1 : -2), major === 10 ? ['commit'] : ['truncate', ['Größe', 'child'], true, false])
    await stream.close()
    assert.deepEqual(await stream.nextBatch(), [])
  })

  test(`PostgreSQL ${major}: confirms exactly what it is told, so an adjacent commit is not lost`, { timeout: 60_000 }, async () => {
    const db = await source(await server(major), 'create table t (id int primary key)')
    const sessions = [new pg.Client(config(db.url)), new pg.Client(config(db.url))] as const
    const first = await db.stream()
    const ends: bigint[] = []
    try {
      for (const session of sessions) await session.connect()
      // Until the second commit record starts where the first ends: a server process of its own may write between them.
      for (let i = 0, adjacent = false; !adjacent; i++) {
        ends.length = 0
        for (const [j, session] of sessions.entries()) await session.query(`begin; insert into t values (${2 * i + j})`)
        for (const session of sessions) await session.query('commit')
        while (ends.length < 2) {
          for (const message of messages(await first.nextBatch())) {
            if (message.type !== 'commit') continue
            adjacent = message.commitLsn === ends.at(-1)
            ends.push(message.endLsn)
          }
        }
      }
    } finally {
      for (const session of sessions) await session.end()
    }
    const [end] = ends as [bigint, bigint]
    first.confirm(end)
    await eventually('the slot to be at the first commit', 10, async () => parseLsn((await confirmed(db, db.slot))!) >= end)
    assert.equal(parseLsn((await confirmed(db, db.slot))!), end)
    first.confirm(end - 1n)
    await first.close()
    assert.equal(parseLsn((await confirmed(db, db.slot))!), end)

    const second = await db.stream({ startLsn: end })
    const again = messages(await readUntil(second, isType('commit'))).filter((message) => message.type === 'commit')
    assert.deepEqual(
      again.map((message) => message.endLsn),
      ends.slice(1),
    )
    await second.close()
  })

  test(
    `PostgreSQL ${major}: what was confirmed has come when the stream is closed, while the server still sends`,
    { timeout: 60_000 },
    async () => {
      const db = await source(await server(major), 'create table t (id int, body text)')
      const fill = `insert into t select 0, repeat('x', 1000) from generate_series(1, 200)`
      for (let round = 0; round < 5; round++) {
        // More than the sockets hold, so that the server is about to send when the stream is closed.
        for (let i = 0; i < 60; i++) await db.sql(fill)
        const stream = await db.stream({ maxBufferedBytes: 1 })
        const [commit] = messages(await readUntil(stream, isType('commit'))).filter(({ type }) => type === 'commit')
        assert.ok(commit?.type === 'commit')
        stream.confirm(commit.endLsn)
        await stream.close()
        assert.equal(parseLsn((await confirmed(db, db.slot))!), commit.endLsn)
      }
    },
  )

  test(
    `PostgreSQL ${major}: a keepalive says whether a transaction is open, and idle ones move the slot`,
    { timeout: 60_000 },
    async () => {
      const db = await source(await server(major), 'create table t (id int primary key); create unlogged table u (id int)')
      const stream = await db.stream()
      await db.sql('insert into t select generate_series(1, 20000)')
      let inside = false
      const items = await readUntil(stream, isType('commit'))
      for (const item of items) {
        if (item.kind === 'keepalive') assert.equal(item.idle, !inside)
        else if (item.message.type === 'begin') inside = true
        else if (item.message.type === 'commit') inside = false
      }
      // WAL that the publication does not hold.
      await db.sql('create table other (id int); drop table other')
      const [{ lsn }] = (await db.sql('select pg_current_wal_lsn() as lsn')) as [{ lsn: string }]
      const idle = await readUntil(stream, (item) => item.kind === 'keepalive' && item.walEnd >= parseLsn(lsn))
      const last = idle.at(-1)!
      assert.ok(last.kind === 'keepalive' && last.idle)
      stream.confirm(last.walEnd)
      await eventually('the slot to follow', 10, async () => parseLsn((await confirmed(db, db.slot))!) >= last.walEnd)
      await stream.close()
    },
  )

  test(`PostgreSQL ${major}: a consumer that stalls keeps the connection and bounds the memory`, { timeout: 120_000 }, async () => {
    const db = await source(await server(major, { settings: { wal_sender_timeout: '2s' } }), 'create table t (id int primary key, v text)')
    await db.sql(`insert into t select i, repeat('x', 200) from generate_series(1, 150000) i`)
    const maxBufferedBytes = 4 * 1024 * 1024
    const stream = await db.stream({ maxBufferedBytes })
    const expected = Buffer.alloc(200, 'x')
    const before = memory()
    await eventually('the server to be stopped by back-pressure for three times its timeout', 60, async () => {
      const [row] = await db.sql(
        `select state, reply_age from (select s.state, extract(epoch from now() - a.query_start) as reply_age
         from pg_stat_replication s join pg_stat_activity a using (pid)) x`,
      )
      return row?.['state'] !== undefined && Number(row['reply_age']) > 6
    })
    assert.ok(memory() - before < 60 * 1024 * 1024, `memory grew by ${memory() - before} bytes`)
    let rows = 0n
    let grown = 0
    for await (const item of stream) {
      if (item.kind !== 'message') continue
      if (item.message.type === 'insert') {
        rows++
        const [id, value] = item.message.new.values()
        assert.ok(Buffer.isBuffer(id) && Buffer.isBuffer(value))
        // The bytes of a message must not change while it waits.
        if (id.toString() !== String(rows) || !value.equals(expected)) assert.fail(`row ${rows} is damaged`)
        if (rows % 50_000n === 0n) grown = Math.max(grown, memory() - before)
      }
      if (item.message.type === 'commit') break
    }
    assert.equal(rows, 150_000n)
    assert.ok(grown < 100 * 1024 * 1024, `memory grew by ${grown} bytes`)
    await stream.close()
  })

  test(`PostgreSQL ${major}: says why it can't start or go on`, { timeout: 60_000 }, async () => {
    const on = await ownServer(major)
    const db = await source(on, 'create table t (id int primary key)')
    const rejected = async (state: string | undefined, kind: string, run: Promise<unknown>) =>
      assert.rejects(run, (error: unknown) => {
        assert.ok(error instanceof MigrationError, String(error))
        assert.equal(sqlState(error), state, error.message)
        assert.equal(error.kind, kind)
        assert.equal(error.side, 'source')
        return true
      })
    await rejected('42704', 'Internal', db.stream({ slot: 'missing' }))
    const stream = await db.stream()
    await rejected('55006', 'ConnectionLost', db.stream())
    await rejected(undefined, 'ConnectionLost', db.stream({ clientConfig: { ...config(db.url), port: 1 } }))

    await db.sql('insert into t values (1)')
    await readUntil(stream, isType('commit'))
    const ends = rejected(
      '57P01',
      'ConnectionLost',
      stream.nextBatch().then(() => stream.nextBatch()),
    )
    await db.sql('select pg_terminate_backend(pid) from pg_stat_replication')
    await ends
    await stream.close()

    await eventually('the slot to be free', 10, async () => {
      const [row] = await db.sql('select active from pg_replication_slots')
      return row?.['active'] === 'f'
    })
    const cancel = new AbortController()
    const cancelled = await db.stream({ signal: cancel.signal })
    const reading = (async () => {
      for (;;) await cancelled.nextBatch()
    })()
    cancel.abort(new Error('enough'))
    await assert.rejects(reading, /enough/)
    await cancelled.close()
    await assert.rejects(db.stream({ signal: cancel.signal }), /enough/)

    await eventually('the slot to be free', 10, async () => {
      const [row] = await db.sql('select active from pg_replication_slots')
      return row?.['active'] === 'f'
    })
    await db.sql(`drop publication ${db.slot}; insert into t values (2)`)
    const without = await db.stream()
    const loss = (async () => {
      for (;;) await without.nextBatch()
    })()
    await rejected(major >= 18 ? undefined : '42704', 'Internal', loss)
    await without.close()
  })
}

test('a server that falls silent is lost, and closing does not wait for it', { timeout: 60_000 }, async () => {
  const on = await server(17)
  const db = await source(on, 'create table t (id int primary key)')
  const hole = await proxy(on.port)
  after(() => hole.close())
  const clientConfig = { ...config(db.url), port: hole.port }
  const stream = await db.stream({ clientConfig, silenceSeconds: 2 })
  await db.sql('insert into t values (1)')
  await readUntil(stream, isType('commit'))
  hole.swallow()
  await assert.rejects(
    async () => {
      for (;;) await stream.nextBatch()
    },
    (error: unknown) => error instanceof MigrationError && error.kind === 'ConnectionLost' && /nothing came/.test(error.message),
  )
  const closing = performance.now()
  await stream.close()
  assert.ok(performance.now() - closing < 4000)

  const cancel = new AbortController()
  const connecting = db.stream({ clientConfig, signal: cancel.signal })
  cancel.abort(new Error('enough'))
  await assert.rejects(connecting, /enough/)
})

/** A TCP proxy that can be told to let nothing through any more, without closing a connection. */
async function proxy(target: number): Promise<{ port: number; swallow(): void; close(): void }> {
  const sockets = new Set<net.Socket>()
  let open = true
  const listener = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1')
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('data', (data) => open && to.write(data))
      from.on('close', () => open && to.destroy())
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as net.AddressInfo).port,
    swallow: () => {
      open = false
    },
    close: () => {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function memory(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
