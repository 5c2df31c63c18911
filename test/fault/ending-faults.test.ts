import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CancelledFailure } from '@temporalio/common'
import { leftovers, sourceState } from '../../demo/source-state.ts'
import type { CleanUpResult } from '../../src/workflows/clean-up-result.ts'
import type { RunningMigration } from '../migration-run.ts'
import { eventually, ownServer, server } from '../servers.ts'
import type { TestDatabase } from '../servers.ts'
import { sourceCatalogue } from '../source-catalogue.ts'
import { addBigTable, bigTableCopied, bigTableCopying } from './big-table.ts'
import { faultRun, LIMIT } from './fault-run.ts'

/** The type that the workflow failed with. */
async function failureOf(running: RunningMigration): Promise<string | undefined> {
  try {
    await running.result()
  } catch (error) {
    return (error as { cause?: { type?: string } }).cause?.type
  }
  return 'it completed'
}

/** Drops the migration's slot by hand, from under its walsender; `recreate` makes one of the same name at once. */
async function dropSlot(source: TestDatabase, recreate: boolean): Promise<void> {
  const [slot] = await source.sql(`select slot_name as name from pg_replication_slots where database = current_database()`)
  const name = slot?.['name'] ?? ''
  await eventually('the slot to be dropped', 30, async () => {
    const [row] = await source.sql(`select active_pid as pid from pg_replication_slots where slot_name = $1`, [name])
    if (typeof row?.['pid'] === 'string') await source.sql(`select pg_terminate_backend($1::int)`, [row['pid']])
    return source.sql(`select pg_drop_replication_slot($1)`, [name]).then(
      () => true,
      () => false,
    )
  })
  if (recreate) await source.sql(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [name])
}

describe('what ends a migration', { concurrency: 3 }, () => {
  for (const recreate of [false, true]) {
    const what = recreate ? 'dropped and made anew' : 'dropped'
    test(`a slot that is ${what} by hand ends it truthfully, and a new run with existing: replace succeeds`, LIMIT, async () => {
      const run = await faultRun({ from: await server(13), to: await server(17) })
      const before = await sourceState(run.source.url)
      const catalogue = await sourceCatalogue(run.source.url)
      await run.migration.worker()
      const running = await run.migration.start({ ignoreWarnings: true })
      await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
      await dropSlot(run.source, recreate)
      const failure = await failureOf(running)
      assert.ok(failure === 'SlotLost' || (recreate && failure === 'SlotReplaced'), failure)
      assert.equal((await running.status()).state, 'failed')
      assert.deepEqual(leftovers(before, await sourceState(run.source.url)), [])
      assert.deepEqual(await sourceCatalogue(run.source.url), catalogue)

      const again = await run.migration.start({ ignoreWarnings: true, existing: 'replace' })
      const report = await run.cutOver(again)
      assert.deepEqual(report.left, [])
      await run.assertMoved()
    })
  }

  test('a source that stays away ends it as SourceUnreachable soon after the reconnect window', LIMIT, async () => {
    const from = await ownServer(13)
    const run = await faultRun({ from, to: await server(17) })
    const before = await sourceState(run.source.url)
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true, reconnectWindow: '5s' })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    await run.writer.stop()
    await from.crash()
    const lost = Date.now()
    assert.equal(await failureOf(running), 'SourceUnreachable')
    assert.ok(Date.now() - lost < 60_000, `it took ${Date.now() - lost} ms`)
    const status = await running.status()
    assert.equal(status.state, 'failed')
    assert.equal(status.connection.source.state, 'reconnecting')
    await from.restart()
    // Nobody could release the source: what stays is said with the statement that removes it.
    for (const kind of ['slot', 'publication', 'schema']) {
      const line = status.warnings.items.find((warning) => warning.startsWith(`Left behind: ${kind} `)) ?? ''
      assert.match(line, /: (?:select|drop) /, `nothing is said of the ${kind}: ${status.warnings.items.join('; ')}`)
    }
    const again = await run.migration.start({ ignoreWarnings: true, existing: 'replace' })
    await run.cutOver(again)
    // The new run needed replica identities too; the first one's are restored with the rest that it left.
    assert.notDeepEqual(leftovers(before, await sourceState(run.source.url)), [])
    const { client, taskQueue } = run.migration
    const cleaned = (await client.workflow.execute('cleanUpSlots', {
      taskQueue,
      workflowId: `${taskQueue}-clean-up`,
      args: [],
    })) as CleanUpResult
    assert.deepEqual(
      cleaned.removed.map(({ workflowId }) => workflowId),
      [running.workflowId],
    )
    assert.deepEqual(leftovers(before, await sourceState(run.source.url)), [])
    await run.assertMoved()
  })

  test('a cancel in the middle of a copy releases the source within seconds', LIMIT, async () => {
    const run = await faultRun({ from: await server(13), to: await server(17), prepare: addBigTable })
    const { source, target } = run
    const before = await sourceState(source.url)
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true })
    await bigTableCopying(source)
    const asked = Date.now()
    await running.handle.cancel()
    await eventually('the source to be released', 30, async () => leftovers(before, await sourceState(source.url)).length === 0)
    const took = Date.now() - asked
    assert.ok(took < 15_000, `the release took ${took} ms`)
    await assert.rejects(running.result(), (error: Error) => error.cause instanceof CancelledFailure)
    assert.equal(await bigTableCopied(target), false)
    const [left] = await source.sql(
      `select count(*) as n from pg_stat_activity where datname = current_database() and application_name like 'pgmove %'`,
    )
    assert.equal(left?.['n'], '0')

    const again = await run.migration.start({ ignoreWarnings: true, existing: 'replace' })
    const report = await run.cutOver(again)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })
})
