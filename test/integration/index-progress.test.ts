import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readIndexBuilds } from '../../src/activities/index-progress.ts'
import { migrationFixture } from '../migration-fixture.ts'
import { eventually, server } from '../servers.ts'

test("the index builds of a migration's sessions are seen, and nobody else's", async () => {
  const fixture = await migrationFixture(await server(13), await server(17), 'create table slow (id int); create table other (id int)')
  await fixture.target.sql(
    `create function wait(n int) returns int immutable language plpgsql as $$ begin perform pg_sleep(0.5); return n; end $$;
     insert into slow select generate_series(1, 500); insert into other select generate_series(1, 500)`,
  )
  const control = await fixture.session('target', 'index 0 rest control')
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
  } finally {
    for (const { processId } of [builder, stranger]) await control.query('select pg_cancel_backend($1::int)', [String(processId)])
    await ended
  }
})
