import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readIndexBuilds } from '../../src/activities/index-progress.ts'
import { readRemainingWork } from '../../src/activities/remaining-work.ts'
import { planCopy } from '../../src/copy/plan-copy.ts'
import { writeEntries } from '../../src/schema/stored-entry.ts'
import type { StoredEntry } from '../../src/schema/stored-entry.ts'
import { readSelectedTables } from '../../src/source/selected-tables.ts'
import { migrationFixture, WHOLE } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

test("the index builds of a migration's sessions are seen, and nobody else's", async () => {
  const fixture = await migrationFixture(await server(13), await server(17), 'create table slow (id int); create table other (id int)')
  await fixture.target.sql(
    `create function wait(n int) returns int immutable language plpgsql as $$ begin perform pg_sleep(0.5); return n; end $$;
     insert into slow select generate_series(1, 500); insert into other select generate_series(1, 500)`,
  )
  const control = await fixture.session('target', 'index 0 rest control')
  const source = await fixture.session('source')
  await planCopy({ target: control, id: fixture.id, tables: await readSelectedTables(source, WHOLE), full: true })
  const entry = (dumpId: number, name: string, table: string): StoredEntry => ({
    ...{ ordinal: dumpId, dumpId, stage: 'index', kind: 'INDEX', schema: 'public', name, definition: 'select', skipped: null },
    ...{ table: { schema: 'public', name: table }, dependencies: [] },
  })
  await writeEntries(control, fixture.id, [
    entry(1, 'one', 'slow'),
    entry(2, 'two', 'slow'),
    entry(3, 'three', 'slow'),
    entry(4, 'x', 'other'),
  ])
  await fixture.target.sql(`update pgmove.migrated_table set copied_at = now(), bytes = 7000 where source_table = 'slow';
    update pgmove.migrated_table set expected_bytes = 300 where source_table = 'other';
    update pgmove.entry set restored_at = now() where dump_id = 1`)
  const builder = await fixture.session('target', 'index 0 rest')
  const stranger = await fixture.session('target', 'any', { applicationName: 'psql' })
  const builds = [
    builder.query('create index slow_wait on public.slow (public.wait(id))'),
    stranger.query('create index other_wait on public.other (public.wait(id))'),
  ]
  const ended = Promise.allSettled(builds)
  try {
    await eventually('both builds', 30, async () => {
      const [row] = await control.query<{ n: string }>(
        `select count(*) as n from pg_stat_progress_create_index where datname = current_database() and phase ~ 'scanning'`,
      )
      return row?.n === '2'
    })
    const seen = await readIndexBuilds(control, fixture.id)
    assert.deepEqual(
      seen.map(({ table, phase }) => ({ table, phase })),
      [{ table: 'public.slow', phase: 'building index: scanning table' }],
    )
    const work = await readRemainingWork(control, fixture.id)
    const [slow, empty] = work.tables
    assert.deepEqual([work.tables.length, work.copies, work.builders], [2, 0, 1])
    // One of three indexes of a copied table stands, one is being built; of the other table nothing is copied.
    assert.deepEqual([slow?.left, slow?.bytes, slow?.builds.length, slow?.builds[1]], [0, 7000, 2, 0])
    assert.ok((slow?.builds[0] ?? 1) <= 0.5)
    assert.equal(work.built, 7000 * (1 + (slow?.builds[0] ?? 0)))
    assert.deepEqual(empty, { left: 300, bytes: 300, builds: [0] })
  } finally {
    for (const { processId } of [builder, stranger]) await control.query('select pg_cancel_backend($1::int)', [String(processId)])
    await ended
  }
})
