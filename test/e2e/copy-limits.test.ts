import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../servers.ts'
import { sharedMigration } from '../migration-run.ts'
import { contents, smallPair } from '../small-source.ts'

test('a limit of the spec holds the copy back, and setTransferRate lifts it; it holds for what is copied at the cutover as well', async () => {
  const { source, target } = await smallPair()
  await source.sql(`create unlogged table cache (id int, body text); insert into cache select i, repeat('x', 100) from generate_series(1, 2000) i;
    select lo_from_bytea(n::oid, decode(repeat(md5(n::text), 1000), 'hex')) from generate_series(100, 101) n`)
  const migration = await sharedMigration({ source: source.url, target: target.url })
  const running = await migration.start({ ignoreWarnings: true, transferRate: { rowsPerSecond: 1 } })
  await running.reach('the copy', ({ phase }) => phase === 'full')
  // The first piece that arrives is all that passes for a while: the server's send buffer of 8 KB (src/backend/libpq/pqcomm.c) has dozens of rows.
  await eventually('the rows that were read', 60, async () => {
    const [row] = await target.sql(`select max(rows) as rows from pgmove.copy_progress`).catch(() => [])
    return Number(row?.['rows'] ?? 0) > 0
  })
  const details = await running.status()
  assert.deepEqual([details.phase, details.tables.copied], ['full', 0])
  await assert.rejects(running.handle.executeUpdate('setTransferRate', { args: [{ rowsPerSecond: -1 }] }))
  await running.signal('setTransferRate', { rowsPerSecond: null })
  await running.reach('replication', ({ phase, undelayed }) => phase === 'incremental' && undelayed)
  await source.sql(`update cache set body = body || id; select lo_put(100, 3, '\\x00')`)
  await running.handle.executeUpdate('setTransferRate', { args: [{ rowsPerSecond: 1, megabytesPerSecond: 0.001 }] })
  await running.signal('cutover')
  await eventually('rows of the unlogged table', 60, async () => {
    const [row] =
      await target.sql(`select p.rows from pgmove.copy_progress p join pgmove.migrated_table m using (id, source_schema, source_table)
      where source_table = 'cache' and m.copied_at is null`)
    return Number(row?.['rows'] ?? 0) > 0
  })
  await running.signal('setTransferRate', { rowsPerSecond: null })
  // What the rows have used up of the megabytes is paid off in minutes: only the end of this limit lets the large objects go.
  await eventually('the limit of rows to be lifted', 60, async () => {
    const [row] = await target.sql('select rows_per_second as rows from pgmove.migration')
    return row?.['rows'] === null
  })
  assert.equal((await running.status()).phase, 'cutover')
  await running.signal('setTransferRate', { megabytesPerSecond: null })
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
  const rest = `select (select md5(string_agg(c::text, ',' order by id)) from cache c) as cache, (select md5(string_agg(lo_get(oid), '' order by oid)) from pg_largeobject_metadata) as objects`
  assert.deepEqual(await target.sql(rest), await source.sql(rest))
})
