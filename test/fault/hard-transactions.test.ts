import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSession } from '../../demo/session.ts'
import { server, uniqueName } from '../servers.ts'
import { faultRun, LIMIT } from './fault-run.ts'

for (const [from, to] of [
  [10, 18],
  [13, 17],
] as const) {
  test(`${from} to ${to}: open and prepared transactions, big ones with savepoints, and TRUNCATE`, LIMIT, async () => {
    const run = await faultRun({
      from: await server(from),
      to: await server(to),
      prepare: (source) =>
        source.sql(`create table shop.extra (id int primary key, body text); insert into shop.extra values (-1, 'first')`),
    })
    const { source } = run
    const open = await openSession(source.url)
    const gid = uniqueName('prepared')
    try {
      await open.query(`begin; insert into shop.extra values (1, 'a long transaction')`)
      await source.sql(`begin; insert into shop.extra values (2, 'a prepared one'); prepare transaction '${gid}'`)
      await run.migration.worker()
      const running = await run.migration.start({ ignoreWarnings: true })
      const waits = await running.reach('the wait', (s) => s.warnings.items.some((line) => /pgmove waits/.test(line)), 120)
      assert.equal(waits.state, 'running')
      await open.query('commit')
      await source.sql(`commit prepared '${gid}'`)

      await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
      await source.sql(`insert into shop.extra select i, repeat('x', 100) from generate_series(10, 60000) i`)
      await source.sql(`do $$ begin
        for i in 1..200 loop
          begin
            update shop.extra set body = 'round ' || i where id between i * 100 and i * 100 + 50;
            if i % 3 = 0 then raise exception 'rolled back'; end if;
          exception when raise_exception then null;
          end;
        end loop;
      end $$`)
      await source.sql(
        `begin; delete from shop.extra where id % 7 = 0; truncate shop.extra; insert into shop.extra values (5, 'after'); commit`,
      )
      await source.sql(`insert into shop.extra select i, 'again' from generate_series(100, 2000) i`)
      const report = await run.cutOver(running)
      assert.deepEqual(report.left, [])
      await run.assertMoved()
    } finally {
      await open.close()
    }
  })
}
