import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../servers.ts'
import { testMigration } from '../migration-run.ts'
import { contents, smallPair } from '../small-source.ts'

test('a limit of the spec holds the copy back, and setTransferRate lifts it', async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  await migration.worker()
  const running = await migration.start({ ignoreWarnings: true, transferRate: { rowsPerSecond: 1 } })
  await running.reach('the copy', ({ phase }) => phase === 'full')
  // The first piece that arrives has the server's send buffer of 8 KB at least (src/backend/libpq/pqcomm.c): minutes of the limit.
  await eventually('the rows that were read', 60, async () => {
    const [row] = await target.sql(`select max(rows) as rows from pgmove.copy_progress`).catch(() => [])
    return Number(row?.['rows'] ?? 0) > 100
  })
  const details = await running.status()
  assert.deepEqual([details.phase, details.tables.copied], ['full', 0])
  await assert.rejects(running.handle.executeUpdate('setTransferRate', { args: [{ rowsPerSecond: -1 }] }))
  await running.signal('setTransferRate', { rowsPerSecond: null })
  await running.reach('replication', ({ phase, undelayed }) => phase === 'incremental' && undelayed)
  await assert.rejects(running.handle.executeUpdate('setTransferRate', { args: [{ rowsPerSecond: 5 }] }))
  await running.signal('cutover')
  await running.result()
  assert.deepEqual(await contents(target), await contents(source))
})
