// What an operator sees of a migration in Temporal's Web UI.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Client, Connection } from '@temporalio/client'
import { chromium } from '../../dev/chromium.ts'
import { startTemporal } from '../../dev/temporal-server.ts'
import { SEARCH_ATTRIBUTES } from '../../src/workflows/search-attributes.ts'
import { browserPage } from '../../dev/browser-page.ts'
import { cli } from '../cli-run.ts'
import { testMigration } from '../migration-run.ts'
import { ownWorkers } from '../own-workers.ts'
import { eventually, uniqueName } from '../servers.ts'
import { smallPair } from '../small-source.ts'

const LIMIT = { timeout: 300_000 }

/** Summaries above this size are refused by some servers, and too long for a row of the timeline. */
const SUMMARY_LIMIT = 200

interface SetUp {
  readonly searchAttributes: { readonly registered: readonly string[] }
}

/** The answer of the query by which the Web UI fills the tabs User Metadata and Queries, and the menus of signals and updates. */
interface Metadata {
  readonly currentDetails?: string
  readonly definition: Record<
    'queryDefinitions' | 'signalDefinitions' | 'updateDefinitions',
    readonly { readonly name: string; readonly description?: string }[]
  >
}

// A server of its own: all other tests run without search attributes.
test(
  'the page shows phases, progress and the next command; the migration is found by its search attributes where setup has registered them',
  LIMIT,
  async () => {
    const temporal = await startTemporal({ uiPort: 8233 })
    const page = await browserPage(await chromium())
    try {
      const setup = async () => (await cli(['setup', '--address', temporal.address, '--json'])).json() as SetUp
      assert.deepEqual((await setup()).searchAttributes.registered, [...SEARCH_ATTRIBUTES])
      await eventually('the attributes', 30, async () => (await setup()).searchAttributes.registered.length === 0)
      const { source, target } = await smallPair()
      const migration = await testMigration({ source: source.url, target: target.url }, temporal)
      const stop = await ownWorkers(migration, () => ({}))
      const running = await migration.start({ ignoreWarnings: true })
      const found = async (query: string) => {
        const ids: string[] = []
        for await (const { workflowId } of migration.client.workflow.list({ query })) ids.push(workflowId)
        return ids.includes(running.workflowId)
      }
      const place = (url: string) => url.replace(/.*@|\?.*/g, '')
      const stream = `PgmovePhase = 'incremental' and PgmoveState = 'running' and PgmoveLag != 'none'`
      const sides = `PgmoveSource = '${place(source.url)}' and PgmoveTarget = '${place(target.url)}'`
      await eventually('the stream', 90, () => found(`${stream} and ${sides}`))
      await page.open(`${temporal.uiUrl}/namespaces/default/workflows/${running.workflowId}/${running.firstRunId}/user-metadata`)
      const phases = [
        '✓ Precheck',
        '✓ Schema',
        '✓ Full data',
        '✓ Foreign keys and triggers',
        '▶ Incremental replication',
        'Cutover',
        'Done',
      ]
      const command = `temporal workflow signal --workflow-id ${running.workflowId} --name cutover`
      for (const shown of [...phases, '█', 'Tables copied: 3 of 3', 'Lag: ', command]) {
        await eventually(`${shown} on the page`, 60, async () => (await page.text()).includes(shown))
      }
      await running.signal('pause')
      await eventually('the pause', 60, () => found(`${sides} and PgmoveState = 'paused'`))
      await running.signal('resume')
      await running.signal('cutover')
      await running.result()
      await eventually('the end', 60, () => found(`${sides} and PgmovePhase = 'done' and PgmoveState = 'completed' and PgmoveLag = 'none'`))
      const { events } = await running.handle.fetchHistory()
      const upserts = events?.filter((event) => event.upsertWorkflowSearchAttributesEventAttributes) ?? []
      // Seven phases, a pause and its end, the mark of the patch, and a lag class or two.
      assert.ok(upserts.length >= 6 && upserts.length <= 16, `${upserts.length} upserts`)
      await stop()
    } finally {
      await page.close()
      await temporal.stop()
    }
  },
)

test('the timeline, the details and the menus tell what happens and what can be done', LIMIT, async () => {
  const { source, target } = await smallPair()
  const migration = await testMigration({ source: source.url, target: target.url })
  await ownWorkers(migration, () => ({}))
  const running = await migration.start({ ignoreWarnings: true, cutover: { fence: 'readOnly' } })
  await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

  const { currentDetails, definition } = await running.handle.query<Metadata>('__temporal_workflow_metadata')
  assert.match(currentDetails ?? '', /^\*\*Running\*\* in phase \*\*Incremental replication\*\*/)
  assert.ok(currentDetails?.includes(`temporal workflow signal --workflow-id ${running.workflowId} --name cutover`))
  for (const kind of ['queryDefinitions', 'signalDefinitions', 'updateDefinitions'] as const) {
    const named = definition[kind].filter(({ name }) => !name.startsWith('__'))
    assert.ok(named.length > 0, kind)
    for (const { name, description } of named) assert.ok(description, `${kind}: ${name} has no description`)
  }

  await running.signal('cutover')
  await running.result()
  const { events } = await running.handle.fetchHistory()
  const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? []
  assert.ok(scheduled.length > 15)
  for (const { userMetadata, activityTaskScheduledEventAttributes: activity } of scheduled) {
    const size = userMetadata?.summary?.data?.length ?? 0
    assert.ok(size > 5 && size <= SUMMARY_LIMIT, `${activity?.activityType?.name}: a summary of ${size} bytes`)
  }
  const timers = events?.filter((event) => event.timerStartedEventAttributes) ?? []
  assert.ok(timers.length > 0)
  for (const { userMetadata } of timers) assert.ok((userMetadata?.summary?.data?.length ?? 0) > 5, 'a timer without a summary')
})

test('the page of a migration whose source is down says so', LIMIT, async () => {
  const temporal = await startTemporal({ uiPort: 8233 })
  const page = await browserPage(await chromium())
  try {
    const down = 'postgres://postgres@127.0.0.1:1/shop'
    const taskQueue = uniqueName('queue')
    const stop = await ownWorkers({ address: temporal.address, taskQueue, env: { TEST_SOURCE: down, TEST_TARGET: down } }, () => ({}))
    const connection = await Connection.connect({ address: temporal.address })
    const handle = await new Client({ connection }).workflow.start('migrateDatabase', {
      taskQueue,
      workflowId: 'shop',
      args: [{ source: { env: 'TEST_SOURCE' }, target: { env: 'TEST_TARGET' }, ddl: 'pause' }],
    })
    await eventually('the outage', 60, async () => (await handle.query<{ state: string }>('status')).state === 'reconnecting')
    const show = async (tab: string, text: RegExp) => {
      await page.open(`${temporal.uiUrl}/namespaces/default/workflows/shop/${handle.firstExecutionRunId}/${tab}`)
      await eventually(`${text} in the tab ${tab}`, 60, async () => text.test(await page.text()))
    }
    await show('timeline', /precheck.{0,40}Check both databases/s)
    await show('user-metadata', /The source can.t be reached.{0,20}since/s)
    await show('pending-activities', /ConnectionLost/)
    await handle.terminate()
    await stop()
    await connection.close()
  } finally {
    await page.close()
    await temporal.stop()
  }
})
