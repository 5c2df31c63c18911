import assert from 'node:assert/strict'
import test from 'node:test'
import { compareTable } from '../../src/validate/data/compare-table.ts'
import type { DataDifference } from '../../src/validate/data/compare-table.ts'
import { readComparedTables } from '../../src/validate/data/compared-table.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { server } from '../servers.ts'

const signal = new AbortController().signal
const PAIRS = [
  [13, 17],
  [10, 18],
] as const

/** What every version has, each with a value that is easily taken for another. */
const TABLES = `
  create type mood as enum ('sad', 'ok');
  create domain share as float8;
  create type spot as (name text, at float8);
  create table typed (id bigint, part int, f4 float4, f8 float8, s share, n numeric, c char(5), v varchar(9), b bytea, j json, jb jsonb, x xml,
    fa float8[], ta text[], p point, sp spot, m mood, i interval, z timestamptz, mo money, bi bit(3), r int4range, primary key (id, part));
  insert into typed select i, 1, i + 0.1, i / 3.0, i / 7.0, 'NaN', 'a' || i % 7, '', '\\x00ff', '{"a": 1, "a":2}', '{"a": 1.50}', '<a/>',
    '{0.1,-0,NaN}', array['NULL', null, ''], point(0.1, i), row('x', 0.1)::spot, 'ok', '1 mon -2 days', '2020-01-01 00:00+00', '12.30', '101', '[1,5)'
    from generate_series(1, 500) i;
  create table named ("the Key" text collate "C" primary key, "a.b" text); insert into named select 'k' || i, 'ä' || i from generate_series(1, 300) i;
  create table keyless (a text, b float8); insert into keyless select i % 50, i % 5 from generate_series(1, 400) i;
  create table empty (a int primary key);
`

async function compared(from: number, to: number, schema: string, names: readonly string[], method: 'checksum' | 'full' = 'checksum') {
  const fixture = await migrationFixture(await server(from), await server(to), schema)
  const [source, target] = [await fixture.session('source'), await fixture.session('target')]
  const pair = (name: string) => ({
    sourceSchema: 'public',
    sourceTable: name,
    targetSchema: 'public',
    targetTable: name,
    estimatedRows: '300',
  })
  const compare = async () => {
    const { tables, notCompared, missing } = await readComparedTables(source, target, names.map(pair))
    assert.deepEqual([notCompared, missing], [[], []])
    const differences: DataDifference[] = []
    let rows = 0n
    for (const table of tables) {
      const { undecided } = await compareTable({
        source,
        target,
        table,
        method,
        sample: 1,
        signal,
        chunkRows: 64,
        caughtUp: () => Promise.resolve(),
        openTransactionsEnded: () => Promise.resolve(true),
        onCompared: (n) => {
          rows += n
          return undefined
        },
        onDifferences: async (found) => {
          differences.push(...found)
        },
      })
      assert.equal(undecided, 0)
    }
    return { differences, rows }
  }
  return { ...fixture, compare }
}

for (const [from, to] of PAIRS) {
  test(`${from} to ${to}: equal rows of every kind are equal, and each planted difference is found`, async () => {
    const { compare, target } = await compared(from, to, TABLES, ['typed', 'named', 'keyless', 'empty'])
    assert.deepEqual(await compare(), { differences: [], rows: 1200n })
    const planted: [statement: string, table: string, key: string, kind: string][] = [
      [`update typed set f8 = float8 '166.66666666666669' where id = 500`, 'typed', '["500", "1"]', 'different'],
      [`update typed set s = '-0' where id = 70`, 'typed', '["70", "1"]', 'different'],
      [`update typed set fa[2] = 0 where id = 71`, 'typed', '["71", "1"]', 'different'],
      [`update typed set v = null where id = 72`, 'typed', '["72", "1"]', 'different'],
      [`update typed set ta[1] = null where id = 73`, 'typed', '["73", "1"]', 'different'],
      [`update typed set c = null, j = '{"a":1, "a":2}' where id = 74`, 'typed', '["74", "1"]', 'different'],
      [`update typed set sp = row(null, null)::spot where id = 75`, 'typed', '["75", "1"]', 'different'],
      [`update typed set part = 2 where id = 76`, 'typed', '["76", "1"]', 'missing'],
      [`delete from named where "the Key" = 'k300'`, 'named', '["k300"]', 'missing'],
      [`insert into named values ('k', null)`, 'named', '["k"]', 'extra'],
    ]
    for (const [statement] of planted) await target.sql(statement)
    const { differences } = await compare()
    const expected = [...planted.map(([, table, key, kind]) => `${table} ${key} ${kind}`), 'typed ["76", "2"] extra'].sort()
    assert.deepEqual(differences.map(({ table, key, kind }) => `${table.split('"')[3]} ${key} ${kind}`).sort(), expected)
    await target.sql(`insert into keyless select * from keyless where a = '7' limit 1; update keyless set b = '-0' where ctid = '(0,5)'`)
    const kinds = (await compare()).differences.filter(({ table }) => table.includes('keyless')).map(({ kind }) => kind)
    assert.deepEqual(kinds.sort(), ['different', 'different', 'extra'])
  })
}
