import assert from 'node:assert/strict'
import test from 'node:test'
import { putTargetBack, restoreTarget } from '../../src/cutover/restore-target.ts'
import { connect } from '../../src/postgres/connect.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { undoLeftovers } from '../../src/schema/undo-leftovers.ts'
import { comparedMetadata } from '../metadata-run.ts'
import { rig } from './apply-rig.ts'
import type { Rig } from './apply-rig.ts'

const PAIRS = [
  { from: 13, to: 17 },
  { from: 10, to: 18 },
] as const
const LIMIT = { timeout: 180_000 }
const signal = new AbortController().signal

/** Its rows come three times each; every seventh has no `at`, every ninth no `note`. */
const SCHEMA = `create table events (kind smallint, at timestamptz, amount numeric(10,2), note text, data json);
  alter table events replica identity full; create table few (a int, b text); alter table few replica identity full`
const rows = (count: number): string =>
  `insert into events select i % 4, case when i % 7 > 0 then '2020-01-01'::timestamptz + i * interval '1 s' end, i % 1000,
      case when i % 9 > 0 then repeat('note ', i % 5) || i end, '{"i": 1}'
     from generate_series(1, ${count} / 3) i, generate_series(1, 3)`

async function lookups({ target }: Rig): Promise<{ table: string | null; scans: number }[]> {
  const found = await target.sql(
    `select c.relname as "table", pg_stat_get_numscans(i.indexrelid) as scans from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_class x on x.oid = i.indexrelid where x.relname like 'pgmove\\_lookup\\_%' order by 1`,
  )
  return found.map(({ table, scans }) => ({ table: table ?? null, scans: Number(scans) }))
}

for (const { from, to } of PAIRS) {
  test(`${from} to ${to}: many rows of a table without a key are found by an index, which is dropped at cutover`, LIMIT, async () => {
    const db = await rig({ from, to, schema: SCHEMA, role: 'mover' })
    await db.source.sql(`${rows(50_000)}; insert into few select i, i from generate_series(1, 20) i; analyze events`)
    await db.drain()
    assert.deepEqual(await lookups(db), [])
    // Of three equal rows one is changed and one deleted; rows with nulls are among them.
    await db.source.sql(
      `update events set amount = amount + 0.5, data = '{"i":  1}' where ctid in (select min(ctid) from events group by kind, at, amount, note limit 5000);
       delete from events where ctid in (select max(ctid) from events group by kind, at, amount, note limit 5000); update few set b = 'new' where a < 10; delete from few where a = 20`,
    )
    await db.drain()
    await db.equal()
    const found = await lookups(db)
    assert.deepEqual(
      found.map(({ table }) => table),
      ['events'],
    )
    const target = await db.session()
    await restoreTarget({ target, id: db.id, signal })
    assert.deepEqual(await lookups(db), [])
    assert.ok(found[0]!.scans >= 10_000, `${found[0]!.scans} scans of the index for 10,000 changes`)
  })
}

test('the index comes once the table has grown, and a cancel drops it for good', LIMIT, async () => {
  const db = await rig({ schema: SCHEMA })
  await db.source.sql(`${rows(300)}; update events set kind = 9 where amount = 1`)
  await db.drain()
  assert.deepEqual(await lookups(db), [])
  await db.source.sql(`${rows(6_000)}; update events set kind = kind + 1`)
  await db.drain()
  assert.equal((await lookups(db)).length, 1)
  const before = await db.target.sql(`select oid from pg_class where relname like 'pgmove\\_lookup\\_%'`)
  await db.source.sql(`update events set kind = kind + 1 where amount < 10`)
  await db.drain()
  assert.deepEqual(await db.target.sql(`select oid from pg_class where relname like 'pgmove\\_lookup\\_%'`), before)
  const target = await db.session()
  // Whoever compares the catalogues meanwhile is not told of it.
  await db.target.sql('create index other on few (a)')
  const source = await connect(await resolveConnection({ url: db.source.url }, 'source'), { side: 'source', applicationName: 'compare' })
  const { list } = await comparedMetadata(source, target).finally(() => source.close())
  assert.deepEqual(
    list.filter(({ kind }) => kind === 'index').map(({ object }) => object),
    ['public.few.other'],
  )
  assert.deepEqual(await putTargetBack(target, db.id), [])
  assert.deepEqual(await lookups(db), [])
  // An attempt that was held up must not make it again.
  await db.source.sql(`delete from events where amount = 2`)
  await db.drain()
  await db.equal()
  assert.deepEqual(await lookups(db), [])
})

test('a table that somebody holds is changed without an index, which comes later', LIMIT, async () => {
  const db = await rig({ schema: SCHEMA })
  await db.source.sql(rows(6_000))
  await db.drain()
  const holder = await db.session()
  await holder.query('begin')
  await holder.query('lock table public.events in row exclusive mode')
  await db.source.sql('update events set kind = 9 where amount = 1')
  await db.drain()
  await holder.query('rollback')
  assert.deepEqual(await lookups(db), [])
  assert.deepEqual(await db.target.sql('select from pgmove.object_change'), [])
  await db.source.sql('update events set kind = 8 where amount = 2')
  await db.drain()
  await db.equal()
  assert.equal((await lookups(db)).length, 1)
  // What a migration that ended could not drop, the next one does.
  await db.target.sql('update pgmove.migration set finished_at = now()')
  await undoLeftovers(holder, 'another')
  assert.deepEqual(await lookups(db), [])
})
