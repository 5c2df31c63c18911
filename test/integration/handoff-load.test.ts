import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { assertSame, catchUp, copyOne, prepareHandoff } from '../handoff-run.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

const WRITERS = 6
const TABLES = ['a', 'b', 'c']
const SCHEMA = TABLES.map((name) => `create table ${name} (id int primary key, n int not null, note text)`).join(';')

/** Repeatable choices. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** Transactions over several tables with savepoints, rollbacks, upserts and deletes, until told to stop. */
async function write(url: string, number: number, stopped: () => boolean): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const roll = dice(number + 1)
  let transactions = 0
  while (!stopped()) {
    const statements = Array.from({ length: 1 + roll(4) }, () => {
      const table = TABLES[roll(TABLES.length)]!
      const id = roll(500)
      const change =
        roll(3) === 0
          ? `delete from ${table} where id = ${id}`
          : `insert into ${table} values (${id}, 1, 'writer ${number}') on conflict (id) do update set n = ${table}.n + 1`
      return roll(6) === 0 ? `savepoint s; ${change}; rollback to s` : change
    })
    try {
      await client.query(`begin; ${statements.join('; ')}; ${roll(8) === 0 ? 'rollback' : 'commit'}`)
      transactions++
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01') throw error
      await client.query('rollback')
    }
  }
  await client.end()
  return transactions
}

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`${from} to ${to}: copies under load join the stream exactly`, async () => {
    const fixture = await migrationFixture(await server(from), await server(to), SCHEMA)
    let stopped = false
    const writers = Array.from({ length: WRITERS }, (_, number) => write(fixture.source.url, number, () => stopped))
    try {
      await eventually('some rows', 20, async () => (await fixture.source.sql('select from a')).length > 50)
      await prepareHandoff(fixture)
      for (const table of TABLES) await copyOne(fixture, table)
      await catchUp(fixture)
    } finally {
      stopped = true
    }
    const transactions = (await Promise.all(writers)).reduce((sum, count) => sum + count)
    assert.ok(transactions > 100)
    await catchUp(fixture)
    await assertSame(fixture, ...TABLES)
  })
}
