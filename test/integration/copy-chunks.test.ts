import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chunkRanges } from '../../src/copy/chunk-ranges.ts'
import { copyInChunks } from '../../src/copy/copy-in-chunks.ts'
import type { CopyInChunksArgs } from '../../src/copy/copy-in-chunks.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import type { Database } from '../../src/postgres/connect.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { readMigratedTables } from '../../src/state/migrated-table.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import type { MigrationFixture } from '../migration-fixture.ts'
import { eventually, server, sql } from '../servers.ts'

const never = new AbortController().signal
const KEYS = {
  big: 'id bigint primary key',
  words: 'id text primary key',
  marks: 'id uuid primary key',
  times: 'id timestamptz primary key',
}
const VALUES: Record<keyof typeof KEYS, string> = {
  big: 'i::bigint * 1000003',
  words: `md5(i::text) || chr(39) || '\\'`,
  marks: 'md5(i::text)::uuid',
  times: `'2020-01-01 00:00:00.123456+00'::timestamptz + i * interval '1 second'`,
}
/** Four to a page: enough pages to be cut, few rows. */
const ROWS = 12_000

async function filled(from: number, tables: readonly (keyof typeof KEYS)[] = ['big']): Promise<MigrationFixture> {
  const schema = tables.map((name) => `create table ${name} (${KEYS[name]}, body text)`).join(';')
  const fixture = await migrationFixture(await server(from), await server(17), schema)
  for (const name of tables) {
    await fixture.source.sql(
      `insert into ${name} select ${VALUES[name]}, repeat(md5(i::text), 60) from generate_series(1, ${ROWS}) i;
       delete from ${name} where ctid < '(300,0)'`,
    )
  }
  const target = await fixture.session('target', 'plan')
  await planCopy({ target, id: fixture.id, tables: await readSelectedTables(await fixture.session('source', 'plan'), WHOLE), full: true })
  return fixture
}

interface Lane {
  readonly source: Database
  readonly target: Database
}

async function copier(fixture: MigrationFixture, name: string, more: Partial<CopyInChunksArgs> = {}) {
  const source = await fixture.session('source', 'copy')
  const target = await fixture.session('target', 'copy')
  const table = (await readMigratedTables(target, fixture.id)).find(({ sourceTable }) => sourceTable === name)
  assert.ok(table)
  const lanes: Lane[] = []
  const openLane = async (job: number) => {
    const lane = { source: await fixture.session('source', `lane ${job}`), target: await fixture.session('target', `lane ${job}`) }
    lanes.push(lane)
    return {
      ...lane,
      close: async () => {
        await lane.source.close()
        await lane.target.close()
      },
    }
  }
  const args: CopyInChunksArgs = {
    ...{ source, target, table, openLane, id: fixture.id, jobs: 2, incremental: true, replicaRole: true, signal: never },
    sourceObserver: await fixture.session('source', 'watch'),
    ...more,
  }
  return { source, target, table, lanes, copy: () => copyInChunks(args) }
}

async function assertEqual(fixture: MigrationFixture, table: string) {
  const rows = `select count(*) as n, count(distinct id) as ids, sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint) as sum from ${table} t`
  assert.deepEqual(await fixture.target.sql(rows), await fixture.source.sql(rows))
}

const record = (fixture: MigrationFixture) =>
  fixture.target.sql('select attempts, snapshot is not null as final, rows, bytes > 0 as sized from pgmove.migrated_table')

for (const from of [10, 13, 14, 18]) {
  test(`${from}: the chunks of a table hold each of its rows once, whatever its key`, async () => {
    const tables = ['big', 'words', 'marks', 'times'] as const
    const fixture = await filled(from, tables)
    for (const name of tables) {
      const { copy, source, table } = await copier(fixture, name)
      const ranges = await source.transaction(() => chunkRanges(source, table, 2))
      assert.ok(ranges.length >= 2, `${name} is cut in ${ranges.length}`)
      const [seen] = await fixture.source.sql(`select count(*) as n from ${name}`)
      assert.deepEqual(await copy(), {
        rows: seen?.['n'],
        bytes: (await record(fixture)).length > 0 ? await sizeOf(fixture, name) : '',
        now: true,
      })
      await assertEqual(fixture, name)
      assert.equal((await copy()).now, false)
    }
    const chunks = await fixture.target.sql(
      `select source_table, count(*) as n, sum(c.rows) = m.rows as whole from pgmove.copy_chunk c join pgmove.migrated_table m using (id, source_schema, source_table) group by source_table, m.rows`,
    )
    assert.ok(chunks.length === tables.length && chunks.every(({ n, whole }) => Number(n) >= 2 && whole === 't'), JSON.stringify(chunks))
  })
}

async function sizeOf(fixture: MigrationFixture, name: string): Promise<string | null> {
  const [row] = await fixture.target.sql('select bytes from pgmove.migrated_table where source_table = $1', [name])
  return row?.['bytes'] ?? null
}

for (const side of ['source', 'target'] as const) {
  test(`a job that loses its session on the ${side} goes on under the same snapshot`, async () => {
    const fixture = await filled(14)
    let killed = false
    const { copy, lanes } = await copier(fixture, 'big', {
      onProgress: () => {
        if (killed) return
        killed = true
        void sql(fixture[side].url, `select pg_terminate_backend(${lanes[0]?.[side].processId})`)
        void fixture.source.sql(`update big set body = 'changed'`)
      },
    })
    await copy()
    assert.ok(lanes.length > 2, 'new sessions were opened')
    const [row] = await record(fixture)
    assert.deepEqual([row?.['attempts'], row?.['final']], ['1', 't'])
    const [target] = await fixture.target.sql(
      `select count(*) as n, count(distinct id) as ids, count(*) filter (where body = 'changed') as changed from big`,
    )
    assert.deepEqual(target, { n: row?.['rows'], ids: row?.['rows'], changed: '0' })
  })
}

test('without the snapshot the table is emptied and copied again', async () => {
  const fixture = await filled(14)
  let killed = false
  const first = await copier(fixture, 'big', {
    onProgress: () => {
      if (killed) return
      killed = true
      void fixture.source.sql(
        `select pg_terminate_backend(${first.source.processId}); select pg_terminate_backend(${first.lanes[0]?.source.processId})`,
      )
    },
  })
  await assert.rejects(first.copy(), { kind: 'ConnectionLost', side: 'source' })
  assert.deepEqual((await record(fixture))[0]?.['final'], 'f')
  // Lost before a job could take it: the server then only says that the identifier is invalid.
  const second = await copier(fixture, 'big', {
    openLane: async () => {
      await fixture.source.sql(`select pg_terminate_backend(${second.source.processId})`)
      return { source: await fixture.session('source'), target: await fixture.session('target'), close: async () => undefined }
    },
  })
  await assert.rejects(second.copy(), { kind: 'ConnectionLost', side: 'source' })
  await (await copier(fixture, 'big')).copy()
  await assertEqual(fixture, 'big')
  assert.equal((await record(fixture))[0]?.['attempts'], '3')
})

test('an ALTER TABLE that waits gets through, and all chunks begin again', async () => {
  const fixture = await filled(14)
  let held = 0
  let altered: Promise<unknown> | undefined
  const { copy } = await copier(fixture, 'big', {
    gate: () => {
      if (held++ > 0) return undefined
      altered = fixture.source.sql('alter table big alter column body set storage external')
      return new Promise(() => undefined)
    },
  })
  await copy()
  await altered
  await assertEqual(fixture, 'big')
  assert.equal((await record(fixture))[0]?.['attempts'], '2')
})

test('an attempt that another has overtaken adds no row', async () => {
  const fixture = await filled(14)
  let begun = false
  let overtaken = false
  const older = await copier(fixture, 'big', {
    openLane: async (job) => {
      begun = true
      await eventually('the newer attempt to end', 60, async () => overtaken)
      const lane = { source: await fixture.session('source', `older ${job}`), target: await fixture.session('target', `older ${job}`) }
      return { ...lane, close: async () => undefined }
    },
  })
  const running = assert.rejects(older.copy(), { kind: 'Fenced' })
  await eventually('the older attempt', 30, async () => begun)
  assert.equal((await (await copier(fixture, 'big')).copy()).now, true)
  overtaken = true
  await running
  await assertEqual(fixture, 'big')
})

test('a value that the target refuses names the table', async () => {
  const fixture = await filled(14)
  await fixture.target.sql('alter table big add check (id <> 9000027000)')
  const { copy } = await copier(fixture, 'big')
  await assert.rejects(copy(), { kind: 'RejectedByTarget', table: '"public"."big"' })
  await fixture.target.sql('alter table big drop constraint big_id_check')
  await copy()
  await assertEqual(fixture, 'big')
})

test('a table that can not be cut is copied as a whole', async () => {
  const fixture = await migrationFixture(await server(13), await server(17), 'create table big (id int)')
  await fixture.source.sql('insert into big select i from generate_series(1, 100) i')
  const target = await fixture.session('target', 'plan')
  await planCopy({ target, id: fixture.id, tables: await readSelectedTables(await fixture.session('source', 'plan'), WHOLE), full: true })
  const { copy, lanes } = await copier(fixture, 'big')
  assert.equal((await copy()).rows, '100')
  assert.equal(lanes.length, 0)
})
