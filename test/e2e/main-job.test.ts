import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { moneyIn } from '../../demo/compare-ledger.ts'
import { compare } from '../../demo/compare.ts'
import { loadShop } from '../../demo/load-shop.ts'
import { withSession } from '../../demo/session.ts'
import { sourceState } from '../../demo/source-state.ts'
import { startWriter } from '../../demo/writer.ts'
import type { DataResult } from '../../src/workflows/data-result.ts'
import type { ValidationResult } from '../../src/workflows/metadata-result.ts'
import { testMigration } from '../migration-run.ts'
import { database, eventually, server, uniqueName } from '../servers.ts'
import { sourceCatalogue } from '../source-catalogue.ts'
import { textWithin } from '../text-within.ts'

const PASSWORD = 'never-to-be-seen-4711'

const LIVE = ['Passed', [], []]

const EXTRA_CART = '00000000-0000-4000-8000-000000000001'

/** The databases trust everybody; the password is there to be searched for afterwards. */
function withPassword(url: string): string {
  const parsed = new URL(url)
  parsed.password = PASSWORD
  return parsed.href
}

for (const [from, to] of [
  [13, 17],
  [10, 18],
  [17, 17],
] as const) {
  test(`a live shop moves from ${from} to ${to} while it is written to`, { timeout: 300_000 }, async () => {
    const source = await database(await server(from))
    const target = await database(await server(to))
    await loadShop(source.url, 0.03)
    const before = await sourceState(source.url)
    const catalogue = await sourceCatalogue(source.url)
    const money = await withSession(source.url, moneyIn)
    const migration = await testMigration({ source: withPassword(source.url), target: withPassword(target.url) })
    const worker = await migration.worker()
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-ledger-'))
    const writer = await startWriter(source.url, { ledger: path.join(folder, 'ledger'), connections: 3, rate: 60 })
    try {
      const run = await migration.start({ name: 'e2e', ignoreWarnings: true })
      await run.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 180)
      const heartbeats = await eventually('heartbeat details', 30, async () => {
        const text = textWithin((await run.handle.describe()).raw.pendingActivities)
        return text.includes('progress') ? text : undefined
      })
      // While the application writes: no false alarm, and what really differs is found, that alone.
      const validate = async (): Promise<DataResult> => {
        const argument = { source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, validation: { what: ['data'] } }
        const { taskQueue } = migration
        const options = { taskQueue, workflowId: uniqueName('validate'), args: [argument] }
        const result = (await migration.client.workflow.execute('validateMigration', options)) as Required<ValidationResult>
        return result.data
      }
      const commits = writer.commits
      const live = await validate()
      assert.ok(writer.commits > commits)
      assert.deepEqual([live.status, live.differing.items, live.notCompared.items.map(({ object }) => object)], LIVE)
      await target.sql(`insert into shop.carts values ('${EXTRA_CART}', '{}')`)
      const { status: alarm, differing } = await validate()
      assert.deepEqual(
        [alarm, differing.items],
        ['Failed', [{ table: '"shop"."carts"', missing: 0, extra: 1, different: 0, undecided: 0 }]],
      )
      await target.sql(`delete from shop.carts where session = '${EXTRA_CART}'`)
      const ledger = await writer.stop()
      await run.signal('cutover')
      const report = await run.result()
      assert.equal(report.tables.copied, report.tables.total)
      assert.ok(report.tables.total > 12)
      assert.ok(report.cutover)
      assert.deepEqual(report.validation.differing, [])
      assert.deepEqual(report.left, [])
      assert.deepEqual(await sourceCatalogue(source.url), catalogue)
      const status = await run.status()
      assert.equal(status.phase, 'done')
      assert.equal(status.state, 'completed')

      const checks = await compare({ source: source.url, target: target.url, before, book: { ledger, money } })
      assert.deepEqual(
        checks.filter((check) => check.differences.length > 0),
        [],
      )

      const history = textWithin(await run.handle.fetchHistory())
      // What stands inside payloads is found: the reference by which the worker knows the source.
      assert.ok(history.includes('TEST_SOURCE'))
      assert.ok(!history.includes(PASSWORD), 'the history holds the password')
      assert.ok(heartbeats.includes('progress'))
      assert.ok(!heartbeats.includes(PASSWORD), 'a heartbeat holds the password')
      assert.ok(!(await worker.log()).includes(PASSWORD), 'the log holds the password')
    } finally {
      await writer.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
}
