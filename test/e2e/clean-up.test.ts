import assert from 'node:assert/strict'
import test from 'node:test'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import type { ScheduleHandle } from '@temporalio/client'
import type { CleanUpResult } from '../../src/workflows/clean-up-result.ts'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration, TestMigration } from '../migration-run.ts'
import { database, eventually, server, uniqueName } from '../servers.ts'
import { contents, remains, smallPair } from '../small-source.ts'

const LIMIT = { timeout: 240_000 }
/** Nothing listens on the port "discard". */
const NOBODY = 'postgres://nobody@127.0.0.1:9/nowhere'

async function cleanUp({ client, taskQueue }: TestMigration, argument?: unknown): Promise<CleanUpResult> {
  const workflowId = uniqueName('clean-up')
  return (await client.workflow.execute('cleanUpSlots', {
    taskQueue,
    workflowId,
    args: argument === undefined ? [] : [argument],
  })) as CleanUpResult
}

/**
 * Runs the schedule now, as it runs by itself: only under the policy SKIP a run is given the last one's result. Waits for the last one to be noted,
 * and for the next second, since a run's workflow ID ends with the second.
 */
async function triggered({ client }: TestMigration, schedule: ScheduleHandle): Promise<CleanUpResult> {
  const { taken } = await eventually('the end of the last run', 60, async () => {
    const { info } = await schedule.describe()
    const last = info.recentActions.at(-1)?.takenAt.getTime() ?? 0
    return info.runningActions.length === 0 && Date.now() - last > 2000 ? { taken: info.numActionsTaken } : undefined
  })
  await schedule.trigger(ScheduleOverlapPolicy.SKIP)
  const action = await eventually('the run of the schedule', 60, async () => {
    const { info } = await schedule.describe()
    return info.numActionsTaken > taken ? info.recentActions.at(-1)?.action : undefined
  })
  return client.workflow.getHandle(action.workflow.workflowId).result() as Promise<CleanUpResult>
}

/** Makes Temporal forget a closed workflow, as it does when its retention has passed. */
async function forget({ client }: TestMigration, { workflowId, firstRunId }: RunningMigration): Promise<void> {
  const execution = { workflowId, runId: firstRunId }
  await client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: execution })
  await eventually('Temporal to forget the workflow', 60, async () => {
    const known = client.workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId } })
    return known.then(
      () => false,
      (error: { code?: unknown }) => error.code === 5,
    )
  })
}

const ids = (items: readonly { workflowId: string | null }[]): (string | null)[] => items.map(({ workflowId }) => workflowId)

test(
  'a migration that may still act keeps everything; when it was terminated, its leftovers go, beside a new run on the same source',
  LIMIT,
  async () => {
    const { source, target } = await smallPair(10, 17)
    const migration = await testMigration({ source: source.url, target: target.url })
    await migration.worker()
    const sources = [{ url: NOBODY }, { env: 'TEST_SOURCE' }]
    const first = await migration.start({ ignoreWarnings: true })
    await first.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    const all = await remains(source)
    assert.equal(all.length, 4, all.join('\n'))

    const running = await cleanUp(migration, { sources, olderThan: '1h' })
    await first.signal('pause')
    await first.reach('the pause', (s) => s.state === 'paused')
    const paused = await cleanUp(migration, { sources })
    await target.sql(`alter table customers add constraint short check (length(mail) < 30)`)
    await source.sql(`insert into customers (mail) values ('a-very-long-address-that-is-refused@example.org')`)
    await first.signal('resume')
    await eventually('the wait', 60, async () => (await first.status()).state === 'waiting')
    const waiting = await cleanUp(migration, { sources: [{ env: 'TEST_SOURCE' }] })
    for (const result of [running, paused, waiting]) {
      assert.deepEqual(result.removed, [])
      assert.deepEqual(ids(result.kept), [first.workflowId])
      assert.match(result.kept[0]?.reason ?? '', /open/)
    }
    // The source that nobody could reach is told, and kept nobody from the other.
    assert.deepEqual(running.totals, { sources: 2, removed: 0, kept: 1, failed: 1 })
    assert.equal(running.failed[0]?.source, NOBODY)
    assert.equal(running.failed[0].type, 'ConnectionLost')
    assert.deepEqual(await remains(source), all)

    await first.handle.terminate('the test says so')
    const dry = await cleanUp(migration, { dryRun: true })
    assert.deepEqual(ids(dry.removed), [first.workflowId])
    assert.equal(dry.dryRun, true)
    assert.deepEqual(await remains(source), all)

    const elsewhere = await database(await server(17))
    const second = await migration.start({ target: { url: elsewhere.url }, ignoreWarnings: true })
    await second.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
    const beside = await cleanUp(migration)
    assert.deepEqual(ids(beside.removed), [first.workflowId])
    assert.deepEqual(beside.removed[0]?.recorded, { schema: 1, slot: 1, publication: 1, 'replica identity': 1, 'truncate trigger': 3 })
    assert.deepEqual(ids(beside.kept), [second.workflowId])
    assert.ok((await remains(source)).includes('replica identity of journal'), 'the second still needs it')
    await source.sql(`insert into journal values ('meanwhile'); update journal set line = 'changed' where line = 'meanwhile'`)
    await second.signal('cutover')
    assert.deepEqual((await second.result()).left, [])
    assert.deepEqual(await contents(elsewhere), await contents(source))
    assert.deepEqual(await remains(source), [])
    assert.deepEqual(await source.sql(`select from pg_trigger where not tgisinternal and tgname like 'pgmove%'`), [])
    const after = await cleanUp(migration)
    assert.deepEqual([after.removed, after.kept, after.remembered], [[], [], []])
  },
)

test('the schedule is made once, finds sources by itself, and remembers those that Temporal has forgotten', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  const [one] = await Promise.all([migration.worker({ TEST_GONE: NOBODY }), migration.worker({ TEST_GONE: NOBODY })])
  const schedule = migration.client.schedule.getHandle(`pgmove-clean-up-slots-${migration.taskQueue}`)
  const made = await eventually('the schedule', 60, () => schedule.describe().catch(() => undefined))
  assert.deepEqual(made.spec.intervals, [{ every: 5_400_000, offset: undefined }])
  assert.equal(made.policies.overlap, 'SKIP')
  assert.equal(made.action.type === 'startWorkflow' && made.action.workflowType, 'cleanUpSlots')

  const lost = await migration.start({ ignoreWarnings: true })
  await lost.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)
  const gone = await migration.start({ source: { env: 'TEST_GONE' } })
  const spoiled = await migration.start({ source: { url: 'postgres://postgres:hunter2@127.0.0.1/x' } })
  await assert.rejects(spoiled.result())
  await gone.handle.terminate('the test says so')
  await lost.handle.terminate('the test says so')
  for (const running of [lost, gone]) await forget(migration, running)

  // Unknown to Temporal, and named by nobody: only a person who names the source finds it.
  const named = await cleanUp(migration, { sources: [{ env: 'TEST_SOURCE' }] })
  assert.deepEqual(ids(named.kept), [lost.workflowId])
  assert.match(named.kept[0]?.reason ?? '', /does not know/)
  assert.ok(named.kept[0]?.statements.includes(`select pg_drop_replication_slot('${named.kept[0].slot}')`))

  // Two more, this time seen by the schedule before Temporal forgets them.
  const seen = await migration.start({ source: { env: 'TEST_SOURCE' }, ignoreWarnings: true })
  const seenGone = await migration.start({ source: { env: 'TEST_GONE' } })
  await seen.reach('its precheck', (s) => s.state === 'waiting' || s.phase !== 'precheck').catch(() => undefined)
  for (const running of [seen, seenGone]) await running.handle.terminate('the test says so')
  await eventually('the terminated migrations in the visibility store', 30, async () => {
    const query = `TaskQueue = '${migration.taskQueue}' AND ExecutionStatus = 'Terminated'`
    return (await migration.client.workflow.count(query)).count === 2
  })
  const scheduled = await triggered(migration, schedule)
  assert.deepEqual(ids(scheduled.kept), [lost.workflowId])
  assert.deepEqual(
    scheduled.failed.map(({ source }) => source),
    ['environment variable TEST_GONE'],
  )
  assert.ok(!JSON.stringify(scheduled).includes('hunter2'))
  for (const running of [seen, seenGone]) await forget(migration, running)
  const again = await triggered(migration, schedule)
  assert.deepEqual(ids(again.kept), [lost.workflowId])
  assert.equal(again.remembered.length, 2)

  await source.sql(`update pgmove.dts_postgres_heartbeat set beat_at = clock_timestamp() - interval '25 hours'`)
  const last = await triggered(migration, schedule)
  assert.deepEqual(ids(last.removed), [lost.workflowId])
  assert.deepEqual(await remains(source), [])
  assert.deepEqual(last.remembered, [{ env: 'TEST_GONE' }], 'forgotten once it is clean')

  await schedule.pause('the operator says so')
  await one.drain()
  const third = await migration.worker()
  await eventually('the third worker', 60, async () => (await third.log()).includes('RUNNING'))
  const paused = await schedule.describe()
  assert.deepEqual([paused.state.paused, paused.state.note], [true, 'the operator says so'])
  await schedule.delete()
})

test('an argument that is wrong is refused with its paths, and nothing of a connection is repeated', LIMIT, async () => {
  const migration = await testMigration({ source: 'unused', target: 'unused' })
  await migration.worker()
  const argument = {
    sources: ['postgres://me:hunter2@h/d', { url: 'postgres://me:hunter2@h/d' }],
    olderThan: '59m',
    dryRun: 'no',
    target: 1,
  }
  await assert.rejects(cleanUp(migration, argument), (error: Error & { cause?: { type?: string; message: string } }) => {
    assert.equal(error.cause?.type, 'InvalidSpec')
    for (const path of ['$.sources[0]', '$.sources[1].url', '$.olderThan', '$.dryRun', '$.target']) {
      assert.ok(error.cause?.message.includes(path), error.cause?.message)
    }
    assert.ok(!error.cause?.message.includes('hunter2'))
    return true
  })
})
