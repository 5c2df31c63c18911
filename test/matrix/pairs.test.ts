import assert from 'node:assert/strict'
import test from 'node:test'
import { MAJORS } from '../../dev/postgres-binaries.ts'
import { testMigration } from '../migration-run.ts'
import { contents, remains, smallPair } from '../small-source.ts'

/**
 * Every pair of versions, upwards and equal, and one step down each. PGMOVE_PAIRS="13-17 16-15" chooses some.
 */
const chosen = process.env['PGMOVE_PAIRS']?.split(/[\s,]+/).filter(Boolean)
const pairs = MAJORS.flatMap((from) => MAJORS.filter((to) => to >= from - 1).map((to) => [from, to] as const)).filter(
  ([from, to]) => !chosen || chosen.includes(`${from}-${to}`),
)

for (const [from, to] of pairs) {
  test(`${from} to ${to}`, { timeout: 240_000 }, async () => {
    const { source, target } = await smallPair(from, to)
    const migration = await testMigration({ source: source.url, target: target.url })
    await migration.worker()
    const running = await migration.start({ ignoreWarnings: true })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    await source.sql(`insert into customers (mail) select 'late' || i || '@example.org' from generate_series(1, 100) i`)
    await source.sql(`update customers set note = 'changed' where id % 3 = 0`)
    await source.sql(`update orders set total = total + 0.01 where id % 2 = 0`)
    await source.sql(`delete from customers where id between 10 and 20`)
    await source.sql(`begin; truncate journal; insert into journal values ('after'); commit`)
    await running.signal('cutover')
    const report = await running.result()
    assert.deepEqual(report.left, [])
    assert.deepEqual(await contents(target), await contents(source))
    assert.deepEqual(await remains(source), [])
  })
}
