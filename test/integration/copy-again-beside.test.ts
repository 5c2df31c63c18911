import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import pg from 'pg'
import { assertSame, catchUp, copyAgain, copyOne, markAgain, prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { eventually, ownServer, server } from '../servers.ts'

const LIMIT = { timeout: 180_000 }
const WRITERS = 4
const AGAIN = ['a', 'bare', 'doc', 'low']
const OTHERS = ['b', 'high']
const SCHEMA = `
create table a (id int primary key, n int not null, note text);
create table b (id int primary key, n int not null, note text);
create table bare (n int, note text);
alter table bare replica identity full;
create table doc (id int primary key, n int not null, body text);
alter table doc alter body set storage external;
create table part (id int not null, n int not null) partition by range (n);
create table low partition of part for values from (0) to (50);
create table high partition of part for values from (50) to (100);
alter table low add primary key (id);
alter table high add primary key (id);
`

/** Repeatable choices. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** What a writer may do; it is told to stop, or not to truncate while somebody reads. */
interface Orders {
  stopped: boolean
  held: boolean
}

/** Transactions over several tables, with changed keys, large values that stay, rows that move between partitions, rows that occur twice, and TRUNCATE. */
async function write(url: string, from: number, number: number, orders: Orders): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const roll = dice(number + 1)
  let next = number * 1_000_000
  const changes: readonly (() => string)[] = [
    () => `insert into a values (${roll(300)}, 1, 'w') on conflict (id) do update set n = a.n + 1`,
    () => `delete from a where id = ${roll(300)}`,
    () => `update a set id = ${300 + roll(300)} where id = ${roll(300)}`,
    () => `insert into b values (${roll(300)}, 1, 'w') on conflict (id) do update set n = b.n + 1`,
    () => `insert into bare values (${roll(9)}, 'w'), (${roll(9)}, null)`,
    () => `delete from bare where ctid = (select ctid from bare where n = ${roll(9)} limit 1 for update skip locked)`,
    () => `insert into doc values (${roll(40)}, 0, repeat(md5('${next++}'), 200)) on conflict (id) do update set n = doc.n + 1`,
    () => `update doc set id = ${40 + roll(40)}, n = n + 1 where id = ${roll(40)}`,
    () => `insert into part values (${next++}, ${roll(100)})`,
    () => `delete from part where id in (select id from part order by id desc limit 1)`,
    // Rows move from 11 on.
    () => (from === 10 ? `select` : `update part set n = ${roll(100)} where id in (select id from part order by n limit 2)`),
    () => (orders.held || from === 10 || roll(15) > 0 ? `select` : `truncate ${roll(2) === 0 ? 'a, b' : 'bare, low'}`),
  ]
  while (!orders.stopped) {
    const statements = Array.from({ length: 1 + roll(4) }, () => changes[roll(changes.length)]!())
    try {
      await client.query(`begin; ${statements.join('; ')}; ${roll(8) === 0 ? 'rollback' : 'commit'}`)
    } catch (error) {
      // A deadlock, a row that has moved away, or a key that is taken.
      if (!['40P01', '40001', '23505'].includes((error as { code?: string }).code ?? '')) throw error
      await client.query('rollback')
    }
  }
  await client.end()
}

describe('copied again beside the stream', () => {
  for (const [from, to] of [
    [10, 18],
    [13, 17],
  ] as const) {
    test(
      `${from} to ${to}: tables are copied again under load while the others stream on, killed on the way; all are exact`,
      LIMIT,
      async () => {
        const fixture = await migrationFixture(await server(from), await server(to), SCHEMA)
        const orders: Orders = { stopped: false, held: false }
        const writers = Array.from({ length: WRITERS }, (_, number) => write(fixture.source.url, from, number, orders))
        const roll = dice(from)
        try {
          await eventually('some rows', 20, async () => (await fixture.source.sql('select from doc')).length > 20)
          await prepareHandoff(fixture)
          for (const table of [...AGAIN, ...OTHERS]) await copyOne(fixture, table)
          await catchUp(fixture)

          orders.held = true
          const slot = await slotPosition(fixture)
          await markAgain(fixture, ...AGAIN)
          let release = (): void => undefined
          const released = new Promise<void>((resolve) => (release = resolve))
          const reading = new Set<string>()
          const copying = AGAIN.map((name) => {
            const gate = (): Promise<void> => {
              reading.add(name)
              return released
            }
            return copyAgain(fixture, name, { gate })
          })
          await eventually('all copies to be held', 20, () => reading.size === AGAIN.length)
          for (let round = 1; round <= 3; round++) {
            await fixture.source.sql(`insert into b values (${1000 + round}, 1, 'while the copies are held')`)
            await catchUp(fixture)
            assert.equal((await fixture.target.sql(`select from b where id > 1000`)).length, round)
          }
          assert.deepEqual(
            await fixture.target.sql(`select from pgmove.migrated_table where copy_again is null and source_table in ('a', 'low')`),
            [],
          )
          assert.equal(await slotPosition(fixture), slot)

          orders.held = false
          release()
          await Promise.all(copying)
          const again = `select distinct behind_lsn is not null as behind from pgmove.migrated_table where source_table = any ($1)`
          assert.deepEqual(await fixture.target.sql(again, [`{${AGAIN.join()}}`]), [{ behind: 't' }])
          // Not all of it at once: each attempt ends at some group.
          for (let killed = 0; killed < 3;) {
            await catchUp(fixture, { limits: { changes: 40, bytes: 1_000_000 }, onApplied: () => die(roll) }).catch((error: unknown) => {
              assert.equal((error as Error).message, 'killed')
              killed++
            })
          }
          // Once more, before the first ones have caught up, maybe.
          await markAgain(fixture, 'a')
          await catchUp(fixture)
          await copyAgain(fixture, 'a')
          await catchUp(fixture)
          assert.notEqual(await slotPosition(fixture), slot)
        } finally {
          orders.stopped = true
        }
        await Promise.all(writers)
        await catchUp(fixture)
        await assertSame(fixture, ...AGAIN, ...OTHERS)
        assert.deepEqual(await fixture.target.sql(`select from pgmove.migrated_table where behind_lsn is not null`), [])
      },
    )
  }

  test('what a table that is behind gets and the target refuses is found, and nothing before it comes twice', LIMIT, async () => {
    const fixture = await migrationFixture(await server(13), await server(17), SCHEMA)
    await fixture.source.sql(`insert into a values (0, 0)`)
    await prepareHandoff(fixture)
    for (const table of ['a', 'b']) await copyOne(fixture, table)
    await catchUp(fixture)
    await markAgain(fixture, 'a')
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    let held = false
    const gate = (): Promise<void> => {
      held = true
      return released
    }
    const copying = copyAgain(fixture, 'a', { gate })
    await eventually('the copy to be held', 20, () => held)
    for (let i = 1; i <= 30; i++)
      await fixture.source.sql(`insert into a values (${i}, 1); insert into b values (${i}, 1); update a set n = n + 1`)
    await catchUp(fixture)
    await assertSame(fixture, 'b')
    release()
    await copying
    await fixture.target.sql(`alter table a add constraint refuses check (id <> 20)`)
    const limits = { changes: 50, bytes: 1_000_000 }
    await assert.rejects(catchUp(fixture, { limits }), { kind: 'RejectedByTarget' })
    assert.deepEqual(await fixture.target.sql(`select max(id) as last from a`), [{ last: '19' }])
    await assert.rejects(catchUp(fixture, { limits }), { kind: 'RejectedByTarget' })
    await fixture.target.sql(`alter table a drop constraint refuses`)
    await catchUp(fixture, { limits })
    await assertSame(fixture, 'a', 'b')
  })

  for (const major of [10, 13, 18]) {
    test(`${major}: a source that is shut down while its slot keeps changes for a copy does not wait for them`, LIMIT, async () => {
      const own = await ownServer(major)
      const fixture = await migrationFixture(own, await server(18), SCHEMA)
      await prepareHandoff(fixture)
      for (const table of ['a', 'b']) await copyOne(fixture, table)
      await catchUp(fixture)
      await markAgain(fixture, 'a')
      const lost = assert.rejects(catchUp(fixture, { until: undefined }), { kind: 'ConnectionLost', side: 'source' })
      await fixture.source.sql(`insert into a values (1, 1); insert into b values (1, 1)`)
      await eventually('the others', 20, async () => (await fixture.target.sql(`select from b`)).length === 1)
      await own.restart()
      await lost
      assert.doesNotMatch(own.log(), /immediate shutdown/)
      await copyAgain(fixture, 'a')
      await fixture.source.sql(`update a set n = 2`)
      await catchUp(fixture)
      await assertSame(fixture, 'a', 'b')
    })
  }
})

function die(roll: (sides: number) => number): void {
  if (roll(3) === 0) throw new Error('killed')
}

async function slotPosition({ source }: MigrationFixture): Promise<string | null | undefined> {
  const [slot] = await source.sql(`select confirmed_flush_lsn as lsn from pg_replication_slots where database = current_database()`)
  return slot?.['lsn']
}
