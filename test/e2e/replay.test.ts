import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import test, { before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker'
import type { ReplayResult } from '@temporalio/worker'
import { textOf } from '../history-payloads.ts'
import type { JsonHistory } from '../history-payloads.ts'
import { replayableHistory } from '../replayable-history.ts'

// Histories of real runs; test/histories/README.md tells how they are recorded.
const HISTORIES = new URL('../histories/', import.meta.url)
const SCENARIOS = ['cutover', 'pause-resume', 'cancel', 'wait-resume', 'goes-back', 'continue-as-new', 'schema-and-full']

let histories: Map<string, JsonHistory>
let bundle: { code: string }

before(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} } },
  })
  bundle = await bundleWorkflowCode({
    logger: new DefaultLogger('WARN'),
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
  })
  const files = (await readdir(HISTORIES)).filter((file) => file.endsWith('.json')).sort()
  histories = new Map(
    await Promise.all(
      files.map(async (file) => [file, JSON.parse(await readFile(new URL(file, HISTORIES), 'utf8')) as JsonHistory] as const),
    ),
  )
})

async function replay(recorded: Iterable<readonly [string, JsonHistory]>): Promise<ReplayResult[]> {
  const input = Array.from(recorded, ([file, history]) => ({ workflowId: file, history: replayableHistory(history) }))
  const results: ReplayResult[] = []
  for await (const result of Worker.runReplayHistories({ workflowBundle: bundle }, input)) results.push(result)
  return results
}

test('every recorded migration replays on the workflow of today', async () => {
  const results = await replay(histories)
  assert.equal(results.length, histories.size)
  for (const { workflowId, error } of results) assert.equal(error, undefined, `${workflowId}: ${error?.message}`)
})

test('each scenario has been recorded', () => {
  for (const scenario of SCENARIOS)
    assert.ok(
      [...histories.keys()].some((file) => file.includes(`-${scenario}`)),
      scenario,
    )
})

test('a workflow that schedules something else than what was recorded is found', async () => {
  const [name, history] = [...histories].find(([file]) => file.endsWith('-cutover.json'))!
  const planted = structuredClone(history)
  const scheduled = planted.events.find(({ activityTaskScheduledEventAttributes: a }) => a?.activityType.name === 'dumpDefinitions')
  scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'restoreDefinitions'
  const [result] = await replay([[name, planted]])
  assert.equal(result?.error?.name, 'DeterminismViolationError')
})

test('a recorded history holds nothing of the machine that recorded it, and no connection', () => {
  for (const [file, history] of histories) {
    const text = textOf(history)
    assert.doesNotMatch(text, /\/(tmp|home|root|work|usr|var)\/|file:\/\/|node_modules|postgres(ql)?:\/\/|registry/, file)
    for (const event of JSON.stringify(history).match(/"identity":"[^"]*"/g) ?? []) assert.equal(event, '"identity":"worker"', file)
  }
})
