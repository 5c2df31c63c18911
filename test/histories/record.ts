// Records histories of real runs for test/e2e/replay.test.ts: `node --import tsx test/histories/record.ts [SCENARIO]…`; see README.md beside it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import test from 'node:test'
import { promisify } from 'node:util'
import { testMigration } from '../migration-run.ts'
import type { RunningMigration, TestMigration } from '../migration-run.ts'
import { smallPair } from '../small-source.ts'
import type { SmallPair } from '../small-source.ts'
import { historyText } from './history-text.ts'

const run = promisify(execFile)

type Scenario = (migration: TestMigration, pair: SmallPair) => Promise<RunningMigration>

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  cutover: async (migration, { source }) => {
    const running = await migration.start({ ignoreWarnings: true })
    await streaming(running)
    await source.sql(`insert into customers (mail) values ('late@example.org')`)
    await running.signal('cutover')
    await running.result()
    return running
  },

  // The cutover is an update, so that accepted and completed updates are in a history too.
  'pause-resume': async (migration) => {
    const running = await migration.start({ ignoreWarnings: true })
    await streaming(running)
    await running.signal('pause')
    await running.reach('the pause', (s) => s.state === 'paused')
    await assert.rejects(running.handle.executeUpdate('cutover', { args: [{ fence: 'unknown' }] }))
    await running.signal('resume')
    await streaming(running)
    await running.handle.executeUpdate('cutover', { args: [] })
    await running.result()
    return running
  },

  cancel: async (migration) => {
    const running = await migration.start({ ignoreWarnings: true })
    await streaming(running)
    await running.handle.cancel()
    await assert.rejects(running.result())
    return running
  },

  'wait-resume': async (migration, { target }) => {
    await target.sql(`create table journal (line text); insert into journal values ('mine')`)
    const running = await migration.start({ ignoreWarnings: true })
    await running.reach('the wait', (s) => s.state === 'waiting')
    await target.sql('truncate journal')
    await running.signal('resume')
    await running.signal('cutover')
    await running.result()
    return running
  },

  'goes-back': async (migration, { target }) => {
    const running = await migration.start({ ignoreWarnings: true })
    await streaming(running)
    await target.sql(`insert into journal values ('not from the source')`)
    await running.signal('cutover')
    await running.reach('the way back', (s) => s.phase === 'incremental' && s.errors.total > 0)
    await target.sql(`delete from journal where line = 'not from the source'`)
    await running.signal('cutover')
    await running.result()
    return running
  },

  'continue-as-new': async (migration) => {
    const running = await migration.start({ ignoreWarnings: true }, { continueAsNewAfter: 20 })
    await running.signal('cutover')
    await running.result()
    return running
  },

  'schema-and-full': async (migration) => {
    const running = await migration.start({ types: ['schema', 'full'], ignoreWarnings: true })
    await running.result()
    return running
  },
}

const streaming = (running: RunningMigration) => running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed)

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
const chosen = process.argv.slice(2)
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  test(`record ${version}-${name}`, { timeout: 300_000 }, async () => {
    const pair = await smallPair()
    const migration = await testMigration({ source: pair.source.url, target: pair.target.url })
    await migration.worker()
    await write(name, migration, await scenario(migration, pair))
  })
}

/** Replaces the scenario's files: one for each run of the chain that continuing as new makes. */
async function write(name: string, { cli, address }: TestMigration, { workflowId, firstRunId }: RunningMigration): Promise<void> {
  const folder = new URL('./', import.meta.url)
  const old = new RegExp(`^${version.replaceAll('.', '\\.')}-${name}(-\\d+)?\\.json$`)
  for (const file of await readdir(folder)) if (old.test(file)) await rm(new URL(file, folder))
  const texts: string[] = []
  for (let runId: string | undefined = firstRunId; runId;) {
    const show = ['workflow', 'show', '--address', address, '--workflow-id', workflowId, '--run-id', runId, '--output', 'json']
    const { stdout } = await run(cli, show, { maxBuffer: 1e8 })
    const { events } = JSON.parse(stdout) as RecordedHistory
    texts.push(historyText(stdout))
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId
  }
  for (const [i, text] of texts.entries()) {
    await writeFile(new URL(`${version}-${name}${texts.length > 1 ? `-${i + 1}` : ''}.json`, folder), text)
  }
}

interface RecordedHistory {
  readonly events: readonly { readonly workflowExecutionContinuedAsNewEventAttributes?: { readonly newExecutionRunId: string } }[]
}
