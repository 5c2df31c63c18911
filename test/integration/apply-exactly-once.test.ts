import assert from 'node:assert/strict'
import test from 'node:test'
import { Way } from '../../dev/way.ts'
import type { MigrationError } from '../../src/errors/migration-error.ts'
import { parseLsn } from '../../src/postgres/lsn.ts'
import { applyStream } from '../../src/replication/apply-stream.ts'
import type { Applied, ApplyArgs } from '../../src/replication/apply-stream.ts'
import type { ChangeStream, StreamItem } from '../../src/replication/change-stream.ts'
import { takeOver } from '../../src/replication/progress.ts'
import { canSetReplicaRole } from '../../src/replication/replica-role.ts'
import { Tuple } from '../../src/replication/tuple.ts'
import { atEnd, eventually, ownServer } from '../servers.ts'
import { rig } from './apply-rig.ts'
import type { Rig } from './apply-rig.ts'

const LIMIT = { timeout: 120_000 }
/** Of the applied rows each shows up twice if it was applied twice: there is no key to refuse it. */
const BARE = 'create table t (id int, v text); alter table t replica identity full'

async function args(db: Rig, options: Partial<ApplyArgs> = {}): Promise<ApplyArgs> {
  const target = options.target ?? (await db.session())
  const progress = options.progress ?? (await takeOver(target, db.id))
  const stream = options.stream ?? (await db.stream(progress.confirmedLsn))
  return { target, progress, stream, id: db.id, tables: db.tables, replicaRole: true, signal: new AbortController().signal, ...options }
}

/** From now on a transaction that moves the progress stands in its COMMIT until it is let go. */
async function holdCommits(db: Rig): Promise<{ waiting(attempt: ApplyArgs): Promise<void>; release(): Promise<void> }> {
  await db.target.sql(
    `create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
     create constraint trigger hold after update on pgmove.progress deferrable initially deferred
       for each row when (old.commit_lsn is distinct from new.commit_lsn) execute procedure hold();
     alter table pgmove.progress enable always trigger hold`,
  )
  const holder = await db.session()
  await holder.query('select pg_advisory_lock(1)')
  return {
    waiting: async ({ target }) => {
      await eventually('the attempt to be in its commit', 20, async () => {
        const found = await db.target.sql(`select from pg_stat_activity where pid = $1 and wait_event = 'advisory'`, [
          String(target.processId),
        ])
        return found.length === 1
      })
    },
    release: () => holder.close(),
  }
}

async function slotPosition(db: Rig): Promise<bigint> {
  const [row] = await db.source.sql('select confirmed_flush_lsn as lsn from pg_replication_slots where database = current_database()')
  return parseLsn(row!['lsn']!)
}

async function slotFree(db: Rig): Promise<void> {
  await eventually('the slot to be free', 20, async () => {
    const [row] = await db.source.sql('select active from pg_replication_slots where database = current_database()')
    return row?.['active'] === 'f'
  })
}

const count = async (db: Rig, table = 't') => (await db.target.sql(`select count(*) as n from ${table}`))[0]!['n']
const failure = (kind: string) => (error: unknown) => (error as MigrationError).kind === kind

test('a big transaction is applied in pieces and is there as a whole', LIMIT, async () => {
  const db = await rig({ schema: 'create table t (id int primary key, v text)' })
  await db.source.sql(`insert into t values (-1, 'before')`)
  await db.source.sql(
    `begin; insert into t select i, repeat('x', 100) from generate_series(1, 30000) i; update t set v = 'y' where id % 3 = 0; delete from t where id % 4 = 0; commit`,
  )
  await db.source.sql(`insert into t values (-2, 'after')`)
  const groups: Applied[] = []
  await db.drain({ limits: { changes: 700, bytes: 50_000 }, onApplied: (applied) => groups.push(applied) })
  await db.equal()
  assert.equal(
    groups.reduce((sum, { changes }) => sum + changes, 0),
    30000 + 10000 + 7500 + 2,
  )
  assert.ok(groups.some(({ changes }) => changes > 40_000))
})

test("rows that are in each other's way within one statement are changed in order, without a second attempt", LIMIT, async () => {
  const db = await rig({
    schema: `create extension btree_gist; create table place (id int primary key, at int not null unique, note text);
      create table room (id int primary key, during int4range, exclude using gist (during with &&))`,
  })
  await db.source.sql(
    `insert into place select i, i from generate_series(1, 40) i; insert into room select i, int4range(i * 10, i * 10 + 10) from generate_series(1, 20) i`,
  )
  await db.drain()
  // Named in ascending order first, moved up in descending order then: at once, each would come to where the next one still is.
  await db.source.sql(
    `begin; do $$ begin
       for i in 1..40 loop update place set note = 'x' where id = i; end loop;
       for i in reverse 40..1 loop update place set at = at + 1 where id = i; end loop;
       for i in 1..20 loop update room set during = during where id = i; end loop;
       for i in reverse 20..1 loop update room set during = int4range(i * 10 + 10, i * 10 + 20) where id = i; end loop;
     end $$; delete from place where id = 3; insert into place values (41, 4, 'new'); commit`,
  )
  const stream = await args(db, { until: await db.position() })
  assert.equal((await applyStream(stream)).reason, 'until')
  await stream.stream.close()
  await db.equal()
})

test('a row that came and went within a batch must not have been there', LIMIT, async () => {
  const db = await rig({ schema: 'create table t (id int primary key, v text)' })
  await db.target.sql(`insert into t values (7, 'somebody else''s')`)
  await db.source.sql(`begin; insert into t values (6, 'a'), (7, 'b'); delete from t where id = 7; commit`)
  await assert.rejects(db.drain(), failure('TargetDiverged'))
  assert.equal(await count(db), '1')
  await db.target.sql('delete from t')
  await db.drain()
  await db.equal()
})

test('many small transactions share few target transactions, and a lone one is there soon', LIMIT, async () => {
  const db = await rig({ schema: 'create table t (id int primary key)' })
  await db.source.sql(Array.from({ length: 500 }, (_, i) => `begin; insert into t values (${i}); commit;`).join(''))
  const groups: Applied[] = []
  await db.drain({ onApplied: (applied) => groups.push(applied) })
  await db.equal()
  assert.equal(
    groups.reduce((sum, { changes }) => sum + changes, 0),
    500,
  )
  assert.ok(groups.length < 50, `${groups.length} groups`)

  const end = new AbortController()
  const running = db.drain({ until: undefined, signal: end.signal, onApplied: (applied) => groups.push(applied) })
  await eventually(
    'the stream to run',
    20,
    async () => (await db.source.sql('select from pg_replication_slots where active and database = current_database()')).length === 1,
  )
  groups.length = 0
  const written = Date.now()
  await db.source.sql('insert into t values (1000)')
  const first = await eventually('the lone transaction', 20, () => groups[0])
  assert.ok(first.at - written < 1000, `${first.at - written} ms`)
  end.abort()
  assert.equal((await running).reason, 'aborted')
})

test('an attempt that was overtaken fails with Fenced and leaves nothing', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t values (1, 'a')`)
  await db.drain()
  await db.source.sql(`insert into t values (2, 'b')`)
  const first = await args(db, { until: await db.position() })
  const second = await takeOver(await db.session(), db.id)
  await assert.rejects(applyStream(first), failure('Fenced'))
  await first.stream.close()
  assert.equal(await count(db), '1')
  assert.ok((await slotPosition(db)) <= second.confirmedLsn)
  await slotFree(db)
  await db.drain()
  await db.equal()
})

test('an attempt that takes over waits for a transaction that is being committed and sees it', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t values (1, 'a')`)
  const old = await args(db)
  const held = await holdCommits(db)
  const fencedOff = assert.rejects(applyStream(old), failure('Fenced'))
  await held.waiting(old)
  const session = await db.session()
  let taken = false
  const taking = takeOver(session, db.id).finally(() => (taken = true))
  await eventually('the new attempt to wait', 20, async () => {
    const waits = await db.target.sql(`select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`, [
      String(session.processId),
    ])
    return waits.length === 1
  })
  assert.equal(taken, false)
  await held.release()
  const progress = await taking
  await db.source.sql(`insert into t values (2, 'b')`)
  await fencedOff
  await old.stream.close()
  await slotFree(db)
  await db.drain({ target: session, progress })
  await db.equal()
})

test('a kill between the commit and its confirmation applies nothing twice', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t select i, 'v' from generate_series(1, 10) i`)
  await db.source.sql(`update t set v = 'w' where id = 3`)
  const first = await args(db, { until: await db.position() })
  const before = await slotPosition(db)
  // Dies as soon as it is to confirm.
  const stream = Object.assign(Object.create(first.stream) as ChangeStream, {
    nextBatch: () => first.stream.nextBatch(),
    confirm: () => {
      throw new Error('killed')
    },
  })
  await assert.rejects(applyStream({ ...first, stream }), /killed/)
  await first.stream.close()
  await first.target.close()
  assert.equal(await slotPosition(db), before)
  assert.notEqual(await count(db), '0')
  await slotFree(db)
  // From the slot's own position, as if the start position had been lost too.
  await db.drain({ open: () => db.stream(0n) })
  await db.equal()
  await db.drain()
  await db.equal()
})

test('a connection that dies in the commit is lost, and nothing is', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t values (1, 'a'), (2, 'b')`)
  const attempt = await args(db, { until: await db.position() })
  const held = await holdCommits(db)
  const lost = assert.rejects(applyStream(attempt), failure('ConnectionLost'))
  await held.waiting(attempt)
  await db.target.sql('select pg_terminate_backend($1)', [String(attempt.target.processId)])
  await lost
  await held.release()
  await attempt.stream.close()
  await slotFree(db)
  assert.equal(await count(db), '0')
  await db.drain()
  await db.equal()
})

test('a connection that dies behind the commit, before its answer, is lost, and nothing is applied twice', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  const way = await Way.open(Number(new URL(db.target.url).port))
  atEnd(async () => way.close())
  await db.source.sql(`insert into t values (1, 'a'), (2, 'b')`)
  const attempt = await args(db, { until: await db.position(), target: await db.session(way.through(db.target.url)) })
  way.cutCommits(1)
  await assert.rejects(applyStream(attempt), failure('ConnectionLost'))
  assert.equal(way.brokenCommits, 1)
  await attempt.stream.close()
  await slotFree(db)
  assert.equal(await count(db), '2')
  await db.drain()
  await db.equal()
})

test('a target that crashes loses commits of a backlog, but never one that the slot was told', LIMIT, async () => {
  // Nothing but a synchronous commit brings WAL to the disk for seconds.
  const own = await ownServer(17, { settings: { wal_writer_delay: '10s', wal_writer_flush_after: '1GB', checkpoint_timeout: '1h' } })
  const db = await rig({ schema: BARE, targetServer: own })
  await db.source.sql(`insert into t values (0, 'first')`)
  await db.drain()
  await db.source.sql(`do $$ begin for i in 1..2000 loop insert into t values (i, 'v'); commit; end loop; end $$`)
  const attempt = await args(db, { limits: { changes: 100, bytes: 1e9 }, until: await db.position() })
  let groups = 0
  let crash: Promise<void> | undefined
  const lost = assert.rejects(
    applyStream({ ...attempt, onApplied: () => void (++groups === 5 && (crash = own.crash())) }),
    failure('ConnectionLost'),
  )
  await lost
  await crash
  await attempt.stream.close()
  await slotFree(db)
  const told = await slotPosition(db)
  await own.restart()
  assert.ok(Number(await count(db)) < 500, 'the commits were on the disk after all')
  const session = await db.session()
  const progress = await takeOver(session, db.id)
  assert.ok(told <= progress.confirmedLsn, 'the slot is beyond what the target holds')
  await db.drain({ target: session, progress })
  await db.equal()
  assert.equal(await count(db), '2001')
})

test('an abort rolls back what is not committed and ends soon', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t select i, 'v' from generate_series(1, 20000) i`)
  const end = new AbortController()
  const attempt = await args(db, { limits: { changes: 100, bytes: 1e9 }, signal: end.signal })
  let batches = 0
  const stream = Object.assign(Object.create(attempt.stream) as ChangeStream, {
    nextBatch: () => {
      if (++batches === 3) end.abort()
      return attempt.stream.nextBatch()
    },
  })
  assert.deepEqual(await applyStream({ ...attempt, stream }), { reached: 0n, reason: 'aborted' })
  assert.equal(await count(db), '0')
  await attempt.stream.close()
  await slotFree(db)
  await db.drain({ target: attempt.target })
  await db.equal()

  const idle = new AbortController()
  const waiting = db.drain({ until: undefined, signal: idle.signal })
  await eventually(
    'the stream to run',
    20,
    async () => (await db.source.sql('select from pg_replication_slots where active and database = current_database()')).length === 1,
  )
  const aborted = performance.now()
  idle.abort()
  assert.equal((await waiting).reason, 'aborted')
  assert.ok(performance.now() - aborted < 3000)
})

test('what a copy holds is left out, for each table by itself', LIMIT, async () => {
  const db = await rig({
    schema: 'create table seen (id int primary key); create table unseen (id int primary key); create table gone (id int primary key)',
  })
  const write = `begin; insert into seen values (1); insert into unseen values (1); insert into gone values (1); truncate gone; insert into gone values (2); commit`
  await db.source.sql(write)
  const [facts] = await db.source.sql('select txid_current_snapshot() as snapshot, pg_current_wal_insert_lsn() as lsn')
  const copied = { snapshot: facts!['snapshot']!, lsn: facts!['lsn']! }
  for (const name of ['public\0seen', 'public\0gone']) db.tables.set(name, { ...db.tables.get(name)!, copied })
  await db.target.sql('insert into seen values (1); insert into gone values (2)')
  await db.source.sql('begin; insert into seen values (2); truncate unseen, gone; insert into unseen values (7); commit')
  await db.drain()
  await db.equal()
})

test('an idle stream moves the slot, after the position is durable', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql('create table other (id int); drop table other')
  const until = await db.position()
  const { reached } = await db.drain({ until })
  assert.ok(reached >= until)
  const [row] = await db.target.sql('select commit_lsn, confirmed_lsn from pgmove.progress')
  assert.ok(parseLsn(row!['confirmed_lsn']!) >= until)
  await eventually('the slot to follow', 20, async () => (await slotPosition(db)) >= until)
  assert.ok((await slotPosition(db)) <= parseLsn(row!['confirmed_lsn']!))
  // There already: nothing is read.
  const stream = { nextBatch: () => assert.fail('read') } as unknown as ChangeStream
  assert.equal((await applyStream(await args(db, { until, stream }))).reason, 'until')
})

test('`until` ends right behind the transaction that reaches it', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(`insert into t values (1, 'a')`)
  const until = await db.position()
  for (const row of [2, 3, 4]) await db.source.sql(`insert into t values (${row}, 'b')`)
  const { reached, reason } = await db.drain({ until })
  assert.equal(reason, 'until')
  assert.ok(reached >= until)
  // Other databases of the server write WAL too: then it is the second transaction that reaches the position.
  assert.match((await count(db)) ?? '', /^[12]$/)
  await slotFree(db)
  await db.drain()
  await db.equal()
})

test('heartbeats of this migration are told once they are overtaken, and never applied', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.source.sql(
    `create schema pgmove; create table pgmove.dts_postgres_heartbeat (id text primary key, beat bigint not null, beat_at timestamptz not null)`,
  )
  const beats: (string | null | undefined)[] = []
  for (const id of [db.id, '0123456789abcdef']) {
    await db.source.sql(`insert into pgmove.dts_postgres_heartbeat values ('${id}', 1, now())`)
    await db.source.sql(`insert into t values (1, 'a'); update pgmove.dts_postgres_heartbeat set beat = 2 where id = '${id}'`)
  }
  await db.drain({ onHeartbeat: ({ beat }) => beats.push(beat) })
  assert.deepEqual(beats, ['1', '2'])
  await db.equal()
})

test('a refused change names its transaction and table, what comes before is applied, and it goes on once mended', LIMIT, async () => {
  const db = await rig({
    schema: 'create table t (id int primary key, v int); create table u (id int primary key)',
    target: 'create table t (id int primary key, v int constraint small check (v < 1000)); create table u (id int primary key)',
  })
  await db.source.sql(
    Array.from({ length: 20 }, (_, i) => `begin; insert into t values (${i}, ${i}); insert into u values (${i}); commit;`).join(''),
  )
  await db.source.sql('begin; insert into u values (100); insert into t values (100, 1), (101, 5555555), (102, 3); commit')
  const [{ lsn: after }] = (await db.source.sql('select pg_current_wal_insert_lsn() as lsn')) as [{ lsn: string }]
  await db.source.sql('insert into t values (200, 1)')
  const error = await db.drain().then(
    () => assert.fail('the change was not refused'),
    (e: unknown) => e as MigrationError,
  )
  assert.equal(error.kind, 'RejectedByTarget')
  assert.equal(error.table, '"public"."t"')
  const [{ lsn: applied }] = (await db.target.sql('select commit_lsn as lsn from pgmove.progress')) as [{ lsn: string }]
  assert.ok(parseLsn(error.lsn!) > parseLsn(applied) && parseLsn(error.lsn!) < parseLsn(after))
  assert.match(error.message, new RegExp(error.lsn!))
  assert.match(error.message, /small/)
  assert.doesNotMatch(error.message, /5555555/)
  assert.equal(await count(db), '20')
  await slotFree(db)
  await assert.rejects(db.drain(), failure('RejectedByTarget'))
  await db.target.sql('alter table t drop constraint small')
  await slotFree(db)
  await db.drain()
  await db.equal()
})

test('a row that is not there stops the migration', LIMIT, async () => {
  const db = await rig({
    schema: 'create table t (id int primary key, v text); create table f (id int, v text); alter table f replica identity full',
  })
  await db.source.sql(`insert into t select i, 'v' from generate_series(1, 20) i; insert into f select i, 'v' from generate_series(1, 3) i`)
  await db.drain()
  for (const [lost, change, mend] of [
    ['delete from t where id = 5', `update t set v = 'w'`, `insert into t values (5, 'v')`],
    ['delete from t where id = 5', `delete from t where id < 7`, `insert into t values (5, 'w')`],
    ['delete from t where id = 10', `update t set id = 110 where id = 10`, `insert into t values (10, 'w')`],
    [`update f set v = 'x' where id = 2`, `delete from f where id = 2`, `update f set v = 'v' where id = 2`],
  ] as const) {
    await db.target.sql(lost)
    await db.source.sql(change)
    await assert.rejects(
      db.drain(),
      (error: MigrationError) => error.kind === 'TargetDiverged' && error.lsn !== undefined && error.table !== undefined,
    )
    await db.target.sql(mend)
    await slotFree(db)
    await db.drain()
    await db.equal()
  }
})

test('a change of the schema that the target has not seen waits before anything of its transaction is applied', LIMIT, async () => {
  const db = await rig({ schema: 'create table t (id int primary key, n numeric(10,2)); create table u (id int primary key)' })
  const mend = [
    [
      'alter table t add column extra text; begin; insert into u values (1); insert into t values (1, 1, null); commit',
      'alter table t add column extra text',
    ],
    [
      'alter table t alter n type numeric(12,4); begin; insert into u values (2); insert into t values (2, 1.2345); commit',
      'alter table t alter n type numeric(12,4)',
    ],
    [
      'alter table t rename extra to more; begin; insert into u values (3); update t set more = 5; commit',
      'alter table t rename extra to more',
    ],
  ] as const
  for (const [change, repeat] of mend) {
    const before = await count(db, 'u')
    await db.source.sql(change)
    await assert.rejects(
      db.drain(),
      (error: MigrationError) => error.kind === 'UnsupportedDdl' && error.lsn !== undefined && /"public"."t"/.test(error.table!),
    )
    assert.equal(await count(db, 'u'), before)
    await db.target.sql(repeat)
    await slotFree(db)
    await db.drain()
    await db.equal()
  }
  await db.source.sql('create table brand_new (id int primary key); insert into brand_new values (1)')
  await assert.rejects(db.drain(), failure('UnsupportedDdl'))
  await slotFree(db)
})

test('without the right to replica role, cascades replay exactly under stand-in keys', LIMIT, async () => {
  const stand = 'deferrable initially deferred'
  const tables = (cascade: string, setNull: string, restrict: string) => `create table p (id int primary key, v text);
    create table c (id int primary key, p int constraint c_p references p ${cascade}); create table n (id int primary key, p int constraint n_p references p ${setNull});
    create table r (id int primary key, p int constraint r_p references p ${restrict}); create table later (id int primary key deferrable initially immediate, v int)`
  const db = await rig({
    role: 'plain',
    schema: `${tables('on delete cascade on update cascade', 'on delete set null', 'on delete restrict')}; alter table later replica identity full`,
    target: tables(stand, stand, stand),
  })
  const session = await db.session()
  assert.equal(await canSetReplicaRole(session), false)
  await db.source.sql(
    `insert into p select i, 'v' from generate_series(1, 10) i; insert into c select i, 1 + i % 10 from generate_series(1, 40) i; insert into n select i, 1 + i % 10 from generate_series(1, 40) i; insert into r values (1, 10);
     insert into later values (1, 10), (2, 20)`,
  )
  await db.source.sql(
    `delete from p where id in (1, 2); update p set id = 30 where id = 3 and false; begin; set constraints all deferred; update later set id = 3 - id; commit`,
  )
  await db.source.sql(
    `begin; update n set p = null where p = 4; update p set id = 400 where id = 4; insert into c values (100, 5); delete from p where id = 5; delete from r; delete from p where id = 10; commit`,
  )
  await db.drain()
  await db.equal()
  await db.source.sql(
    `begin; insert into p values (77, 'x'); insert into c values (77, 77); truncate p cascade; insert into p values (1, 'again'); insert into c values (1, 1); commit`,
  )
  await db.drain()
  await db.equal()

  // A key that the source does not have.
  await db.target.sql(`alter table n add constraint extra foreign key (id) references p deferrable initially deferred`)
  await db.source.sql(`insert into n values (5, null)`)
  await assert.rejects(
    db.drain(),
    (error: MigrationError) => error.kind === 'RejectedByTarget' && error.lsn !== undefined && /extra/.test(error.message),
  )
  await db.target.sql('alter table n drop constraint extra')
  await slotFree(db)
  await db.drain()
  await db.equal()
})

test('an asynchronous commit is not confirmed before it is durable: the session makes it local', LIMIT, async () => {
  const db = await rig({ schema: BARE })
  await db.target.sql(`alter database "${db.target.name}" set synchronous_commit = off`)
  const target = await db.session()
  await db.drain({ target })
  assert.deepEqual(
    await target.query(`select current_setting('synchronous_commit') as s, current_setting('session_replication_role') as r`),
    [{ s: 'local', r: 'replica' }],
  )
})

test('bytes that are no UTF-8 are never changed on their way', LIMIT, async () => {
  const db = await rig({ schema: 'create table t (id int primary key, v text)' })
  const item = (message: unknown): StreamItem => ({ kind: 'message', lsn: 1n, bytes: 10, message }) as StreamItem
  const relation = {
    type: 'relation',
    id: 1,
    schema: 'public',
    table: 't',
    replicaIdentity: 'd',
    columns: [
      { name: 'id', key: true, typeOid: 23, typmod: -1 },
      { name: 'v', key: false, typeOid: 25, typmod: -1 },
    ],
  }
  const row = Tuple.of([Buffer.from('1'), Buffer.of(0x61, 0xff)])
  for (const change of [
    { type: 'insert', relation, new: row },
    { type: 'update', relation, oldKind: null, old: null, new: row },
  ]) {
    const batches = [
      [item({ type: 'begin', finalLsn: 100n, xid: 5 }), item(change), item({ type: 'commit', commitLsn: 100n, endLsn: 110n })],
    ]
    const stream = { nextBatch: async () => batches.shift() ?? [], confirm: () => assert.fail('confirmed') } as unknown as ChangeStream
    await assert.rejects(applyStream(await args(db, { stream, until: 110n })), failure('RejectedByTarget'))
    assert.equal(await count(db), '0')
  }
})
