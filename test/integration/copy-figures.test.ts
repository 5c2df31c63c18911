import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCopyFigures } from '../../src/activities/copy-figures.ts'
import type { CopyFigures } from '../../src/activities/copy-figures.ts'
import { copyTables } from '../../src/copy/copy-tables.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { withExpectedBytes } from '../../src/copy/expected-bytes.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

const never = new AbortController().signal
const OFF = 'with (autovacuum_enabled = off)'

/** Of what COPY makes much more, less or as much as stands on disk. */
const TABLES = `
create table accounts (id int primary key, branch int, balance int, filler char(84)) ${OFF};
create table documents (id bigint primary key, doc jsonb) ${OFF};
create table packed (id int primary key, body text) ${OFF};
create table bloated (id int primary key, body text) ${OFF};
create table unseen (id int, body text, n int[]) ${OFF};
create table forgotten (id int, body text) ${OFF};
create table unknown (id int, body text) ${OFF};`
const ROWS = `
insert into accounts select i, i % 10, 0, '' from generate_series(1, 30000) i;
insert into documents select i, jsonb_build_object('id', i, 'name', md5(i::text), 'tags', array[md5(i::text), 'x', 'y'], 'note', repeat('n', 100)) from generate_series(1, 12000) i;
insert into packed select i, repeat(md5(i::text), 1000) from generate_series(1, 200) i;
insert into bloated select i, repeat('b', 200) from generate_series(1, 30000) i;
insert into forgotten select i, repeat('f', 300) from generate_series(1, 8000) i;
analyze;
insert into unseen select i, md5(i::text), array[i, i] from generate_series(1, 30000) i;
delete from bloated where id % 10 <> 0;
insert into unknown select i, repeat('u', 100 + i % 50) from generate_series(1, 20000) i;
insert into packed select i, repeat(md5(i::text), 1000) from generate_series(201, 300) i;
insert into forgotten select i, repeat('f', 300) from generate_series(8001, 16000) i;`

const EXPECTED: Readonly<Record<string, number>> = {
  accounts: 30_000,
  documents: 12_000,
  packed: 300,
  bloated: 3_000,
  unseen: 30_000,
  forgotten: 16_000,
  unknown: 20_000,
}

for (const major of [10, 18]) {
  test(`${major}: halfway the bytes that a copy will come to are known`, async () => {
    const fixture = await migrationFixture(await server(major), await server(17), TABLES)
    await fixture.source.sql(ROWS)
    // As after a crash: what was counted is lost.
    const forget = `select pg_stat_reset_single_table_counters(t::regclass) from unnest('{forgotten,unknown}'::text[]) t`
    const [source, observer, target, control] = [
      await fixture.session('source', 'copy'),
      await fixture.session('source', 'watch'),
      await fixture.session('target', 'copy'),
      await fixture.session('target', 'control'),
    ]
    await eventually('the statistics of the source', 30, async () => {
      const read = await readSelectedTables(source, WHOLE)
      const known = read.every(({ estimatedRows }) => Number(estimatedRows) > 0)
      const dead = read.find(({ name }) => name === 'bloated')
      return known && Number(dead?.estimatedRows) < 10_000
    })
    await fixture.source.sql(forget)
    const planned = await eventually('the reset', 30, async () => {
      const [row] = await fixture.source.sql(
        `select sum(pg_stat_get_live_tuples(t::regclass)) as n from unnest('{forgotten,unknown}'::text[]) t`,
      )
      return row?.['n'] === '0' ? readSelectedTables(source, WHOLE) : undefined
    })
    assert.equal(planned.find(({ name }) => name === 'unknown')?.estimatedRows, '0')
    const expected = await withExpectedBytes({ source, targetVersion: target.version, tables: planned })
    await planCopy({ target, id: fixture.id, tables: expected, full: true })
    const before = await readCopyFigures(control, fixture.id)
    const samples: CopyFigures[] = []
    const ordered = await readMigratedTables(target, fixture.id)
    for (const table of ordered) {
      const sum = { rows: 0, bytes: 0 }
      await copyTables({
        ...{ source, sourceObserver: observer, target, id: fixture.id, tables: [table], incremental: true },
        ...{ replicaRole: true, signal: never },
        onProgress: (_, bytes, rows) => {
          sum.rows += rows
          sum.bytes += bytes
        },
        gate: async () => {
          await control.query(
            `insert into pgmove.copy_progress (id, source_schema, source_table, rows, bytes) values ($1, 'public', $2, $3, $4)
             on conflict (id, source_schema, source_table) do update set rows = excluded.rows, bytes = excluded.bytes`,
            [fixture.id, table.sourceTable, String(sum.rows), String(sum.bytes)],
          )
          samples.push(await readCopyFigures(control, fixture.id))
        },
      })
    }
    const end = await readCopyFigures(control, fixture.id)
    assert.deepEqual(end.tables, { total: ordered.length, copied: ordered.length })
    assert.equal(end.bytes.total, end.bytes.copied)
    const halfway = samples.find(({ bytes }) => Number(bytes.copied) >= Number(end.bytes.total) / 2)
    const shares = [before, halfway].map((figures) => Number(figures?.bytes.total) / Number(end.bytes.total))
    assert.ok(
      shares.every((share) => Math.abs(share - 1) < 0.1),
      `of all bytes ${shares.join(' and ')} were expected, first and halfway`,
    )
    for (const { sourceTable, rows, bytes } of await readMigratedTables(target, fixture.id)) {
      assert.equal(Number(rows), EXPECTED[sourceTable])
      const half = samples.find(({ copying: [one] }) => one?.table === `public.${sourceTable}` && Number(one.bytes) >= Number(bytes) / 2)
      const share = Number(half?.copying[0]?.total) / Number(bytes)
      assert.ok(Math.abs(share - 1) < 0.1, `${sourceTable} comes to ${bytes} bytes, of which ${share} were expected halfway`)
    }
  })
}
