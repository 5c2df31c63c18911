import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { Ends } from '../dev/ends.ts'
import { eventually } from '../dev/eventually.ts'
import { INTERRUPTED } from '../dev/interruption.ts'
import { startPostgres } from '../dev/postgres-server.ts'
import { startTemporal } from '../dev/temporal-server.ts'
import type { TemporalServer } from '../dev/temporal-server.ts'
import { reportLines } from '../src/cli/views/report-lines.ts'
import { checkLines } from './check-lines.ts'
import { compare } from './compare.ts'
import { moneyIn } from './compare-ledger.ts'
import type { DemoOptions } from './demo-options.ts'
import { plainDisplay, terminalDisplay } from './display.ts'
import type { Display } from './display.ts'
import { EaseOff } from './ease-off.ts'
import { followMigration } from './follow-migration.ts'
import { loadShop, shopSize } from './load-shop.ts'
import { withSession } from './session.ts'
import { shellFile } from './shell-file.ts'
import { sourceState } from './source-state.ts'
import type { SourceState } from './source-state.ts'
import { temporalCommand } from './temporal-command.ts'
import type { TemporalCommand } from './temporal-command.ts'
import { startWorker } from './worker-process.ts'
import type { WorkerProcess } from './worker-process.ts'
import { startWriter } from './writer.ts'
import type { Writer } from './writer.ts'

const WORKFLOW = 'shop'
const WORKLOAD = ['--workflow-id', WORKFLOW]
/** How long the application goes on after the target has caught up, and how long it writes before the migration starts. */
const FURTHER_WRITES_MS = 5000
const FIRST_COMMITS = 200
const MINUTES = 15
/** Transactions per second where nobody looks whether replication keeps up: any machine's does. */
const EASY_RATE = 100

/** Runs the demo; resolves with the exit code, after everything it started has ended. */
export async function runDemo(options: DemoOptions, interrupted: AbortSignal): Promise<number> {
  const display = process.stdout.isTTY ? terminalDisplay(process.stdout) : plainDisplay(process.stdout)
  const running = new Ends()
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-demo-'))
  const stopped = new Promise<never>((_, reject) => interrupted.addEventListener('abort', () => reject(interrupted.reason as Error)))
  stopped.catch(() => undefined)
  let code = 1
  try {
    const stage = { display, running, folder, interrupted }
    const { byHand } = options
    const matched = await Promise.race([byHand === undefined ? migrate(options, stage) : prepare(options, stage, byHand), stopped])
    code = matched ? 0 : 1
    if (!options.exit || byHand !== undefined) {
      display.say('\nEverything stays up until Ctrl-C.')
      // Nothing else keeps this process alive: its children don't.
      const alive = setInterval(() => undefined, 60_000)
      await stopped.catch(() => undefined)
      clearInterval(alive)
    }
  } catch (error) {
    display.settle()
    if (interrupted.aborted) code = INTERRUPTED
    else display.say(`\nThe demo failed. ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    if (interrupted.aborted) display.say('\nStopping…')
    await running.end()
    if (code === 1) display.say(`The worker's log and the application's ledger are kept in ${folder}`)
    else await rm(folder, { recursive: true, force: true })
  }
  return code
}

interface Stage {
  readonly display: Display
  readonly running: Ends
  readonly folder: string
  readonly interrupted: AbortSignal
}

/** What a migration needs, running. */
interface Scene {
  readonly urls: { readonly source: string; readonly target: string }
  readonly temporal: TemporalServer
  readonly writer: Writer
  readonly before: SourceState
  readonly money: string
  /** Rejects when the application or the worker ends without having been told to. */
  readonly failure: Promise<never>
  readonly worker: WorkerProcess
}

/** Starts the servers, loads the shop, and lets its application and a worker run. */
async function setScene(options: DemoOptions, { display, running, folder, interrupted }: Stage): Promise<Scene> {
  const { from, to, uiPort, temporalPort } = options
  display.say(`pgmove demo: a shop moves from PostgreSQL ${from} to ${to} while its application writes\n`)
  const [source, target, temporal] = await display.step(
    `PostgreSQL ${from} and ${to}, Temporal`,
    () =>
      Promise.all([
        startPostgres({ major: from }).then((server) => running.add(server, () => server.stop())),
        startPostgres({ major: to }).then((server) => running.add(server, () => server.stop())),
        startTemporal({ port: temporalPort, uiPort }).then((server) => running.add(server, () => server.stop())),
      ]),
    ([one, two, three]) => `on ports ${one.port} and ${two.port}; Web UI ${three.uiUrl}`,
  )
  const urls = { source: source.url('shop'), target: target.url('shop') }
  for (const server of [source, target]) {
    await withSession(server.url('postgres'), ({ query }) => query('create database shop template template0'))
  }
  await display.step(
    'Sample data on the source',
    async () => {
      await loadShop(urls.source, options.scale)
      return await shopSize(urls.source)
    },
    ({ tables, rows, size }) => `${tables} tables, ${rows.toLocaleString('en')} rows, ${size}`,
  )
  const before = await sourceState(urls.source)
  const money = await withSession(urls.source, moneyIn)
  const rate = options.byHand === undefined ? {} : { rate: EASY_RATE }
  const writer = running.add(await startWriter(urls.source, { ledger: path.join(folder, 'ledger.tsv'), ...rate }), (started) =>
    started.stop(),
  )
  const worker = running.add(
    startWorker(temporal.address, { DEMO_SOURCE_URL: urls.source, DEMO_TARGET_URL: urls.target }, path.join(folder, 'worker.log')),
    (started) => started.stop(),
  )
  const failure = Promise.race([writer.failure, worker.failure])
  await display.step('The application writes', () => Promise.race([commits(writer, FIRST_COMMITS, interrupted), failure]))
  return { urls, temporal, writer, before, money, failure, worker }
}

/** Leaves the migration to whoever sits before it: writes what a shell needs to `file`, and says how to go on. */
async function prepare(options: DemoOptions, stage: Stage, file: string): Promise<true> {
  const { urls, temporal, failure } = await setScene(options, stage)
  const { display, running, folder, interrupted } = stage
  await Promise.race([workerPolls(temporal.address), failure])
  await running.add(shellFile(file, { urls, temporal, folder }), async (written) => await rm(await written, { force: true }))
  failure.catch((error: Error) => interrupted.aborted || display.say(`\n${error.message}`))
  display.say(`\n  In another terminal: . ${file}\n  Then go on as docs/tutorial.md says; Web UI ${temporal.uiUrl}`)
  return true
}

/** Resolves when the worker asks for work: commands that need one refuse to start anything before. */
async function workerPolls(address: string): Promise<void> {
  const connection = await Connection.connect({ address })
  await eventually('the worker', 120, async () => {
    const taskQueue = { name: 'pgmove' }
    const { pollers } = await connection.workflowService.describeTaskQueue({ namespace: 'default', taskQueue })
    return pollers.length > 0
  })
  await connection.close()
}

/** Resolves with whether both databases are equal in the end. */
async function migrate(options: DemoOptions, stage: Stage): Promise<boolean> {
  const { urls, temporal, writer, before, money, failure, worker } = await setScene(options, stage)
  const { display, interrupted } = stage
  const { from, to } = options
  const command = temporalCommand(temporal.cli, temporal.address)
  const runId = await start(command, display, from, to)
  const workflowUrl = `${temporal.uiUrl}/namespaces/default/workflows/${WORKFLOW}/${runId}`
  display.say(`  Watch it: ${workflowUrl}\n`)

  // Never closed: the client goes on asking for the result until this process ends, and a closed connection would be an error.
  const connection = await Connection.connect({ address: temporal.address })
  const easeOff = new EaseOff()
  let [stopped, seen, seenAt] = [false, writer.commits, Date.now()]
  const migration = followMigration({
    client: new Client({ connection }),
    workflowId: WORKFLOW,
    runId,
    signal: interrupted,
    unattended: options.exit,
    onStatus: (status) => {
      const now = Date.now()
      if (!stopped && easeOff.isDue(status, now)) {
        display.say(
          `  The application writes faster than this machine replicates; it goes on with ${writer.slowDown()} transactions a second`,
        )
      }
      const rate = ((writer.commits - seen) * 1000) / Math.max(1, now - seenAt)
      ;[seen, seenAt] = [writer.commits, now]
      display.show({ status, writer: stopped ? undefined : { commits: seen, rate } })
    },
  })
  await Promise.race([migration.until('undelayed', MINUTES, ({ phase, undelayed }) => phase === 'incremental' && undelayed), failure])
  const writing = Date.now() + FURTHER_WRITES_MS
  await Promise.race([migration.until('still replicating', MINUTES, () => Date.now() > writing), failure])
  const ledger = await writer.stop()
  stopped = true
  const signal = ['workflow', 'signal', ...WORKLOAD, '--name', 'cutover'] as const
  display.say(
    `\n  The application has stopped after ${ledger.acknowledged.size.toLocaleString('en')} commits. Cutover:\n  $ ${command.shown(...signal)}\n`,
  )
  await command.run(...signal)
  const report = await Promise.race([migration.report(MINUTES), worker.failure])
  display.settle()

  const checks = await display.step('Both databases are compared', () => compare({ ...urls, before, book: { ledger, money } }))
  const matched = checks.every(({ differences }) => differences.length === 0)
  display.say(`\n${reportLines(WORKFLOW, report, display).join('\n')}`)
  display.say(`\nComparison of source and target: ${matched ? 'everything matches' : 'NOT EQUAL'}\n${checkLines(checks).join('\n')}`)
  display.say(
    `\nLook around${options.exit ? ' (in a demo that stays up, without --exit)' : ''}\n${places(command, { workflowUrl, urls }).join('\n')}`,
  )
  return matched
}

async function start(command: TemporalCommand, display: Display, from: number, to: number): Promise<string> {
  const type = ['--task-queue', 'pgmove', '--type', 'migrateDatabase', ...WORKLOAD]
  const args = ['workflow', 'start', ...type, '--input-file', 'demo/shop.json']
  const summary = ['--static-summary', `Shop: PostgreSQL ${from} to ${to}`]
  display.say(`\n  $ ${command.shown(...args, ...summary)}`)
  const said = await command.run(...args, ...summary, '--output', 'json')
  const { runId } = JSON.parse(said) as { runId?: string }
  if (!runId) throw new Error('The Temporal CLI told no run ID')
  return runId
}

async function commits(writer: { readonly commits: number }, wanted: number, signal: AbortSignal): Promise<void> {
  while (writer.commits < wanted) await pause(50, undefined, { signal })
}

function places(
  command: TemporalCommand,
  { workflowUrl, urls }: { workflowUrl: string; urls: { source: string; target: string } },
): string[] {
  const commands = [
    command.shown('workflow', 'query', ...WORKLOAD, '--type', 'status'),
    command.shown('workflow', 'result', ...WORKLOAD),
    command.shown('workflow', 'show', ...WORKLOAD),
    `psql ${urls.source}`,
    `psql ${urls.target}`,
  ]
  return [
    `  Web UI     ${workflowUrl}`,
    ...[...(command.preparation ? [command.preparation] : []), ...commands].map((text) => `  $ ${text}`),
  ]
}
