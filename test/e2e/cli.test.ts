// Migrations driven by `pgmove` alone, and by the commands that it shows.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { workerPolls } from '../../src/cli/worker-presence.ts'
import type { MigrationReport } from '../../src/workflows/migration-report.ts'
import { cli } from '../cli-run.ts'
import type { CliInput, CliResult } from '../cli-run.ts'
import { sharedMigration } from '../migration-run.ts'
import type { SharedMigration } from '../migration-run.ts'
import { atEnd, eventually, uniqueName } from '../servers.ts'
import { contents, remains, smallPair } from '../small-source.ts'
import { testEnvironment } from '../test-environment.ts'

const LIMIT = { timeout: 180_000 }
const BIN = fileURLToPath(new URL('../../src/cli/pgmove.mjs', import.meta.url))

interface Desk {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Writes a spec with the connections; returns its path. */
  readonly spec: (name: string, extra?: Record<string, unknown>) => Promise<string>
  /** Runs `pgmove` with the settings in its environment, and expects an exit code. */
  readonly run: (code: number, args: readonly string[], input?: CliInput) => Promise<CliResult>
  /** Runs what `--show-command` prints in a shell, with the Temporal CLI in PATH. */
  readonly shell: (args: readonly string[]) => Promise<string>
}

async function desk({ client, address, cli: temporal, taskQueue, connections }: SharedMigration): Promise<Desk> {
  const server = { client, namespace: 'default', address, close: async () => undefined }
  await eventually('the worker', 60, () => workerPolls(server, taskQueue))
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgmove-cli-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const env = { ...testEnvironment(), TEMPORAL_ADDRESS: address, PGMOVE_TASK_QUEUE: taskQueue }
  const run = async (code: number, args: readonly string[], input: CliInput = {}): Promise<CliResult> => {
    const result = await cli(args, { env, ...input })
    assert.equal(result.code, code, `pgmove ${args.join(' ')}\n${result.stdout}\n${result.stderr}`)
    return result
  }
  return {
    folder,
    env,
    spec: async (name, extra = {}) => {
      const file = path.join(folder, name)
      await writeFile(file, JSON.stringify({ ...connections, ddl: 'pause', ...extra }))
      return file
    },
    run,
    shell: async (args) => {
      const { stdout: command } = await run(0, [...args, '--show-command'])
      const PATH = `${temporal === 'temporal' ? '' : `${path.dirname(temporal)}:`}${process.env['PATH'] ?? ''}`
      return (await promisify(execFile)('sh', ['-c', command], { env: { ...env, PATH } })).stdout
    },
  }
}

test('a migration from check to report, by pgmove alone', LIMIT, async () => {
  const { source, target } = await smallPair()
  const { folder, spec, run, shell, env } = await desk(await sharedMigration({ source: source.url, target: target.url }))
  const id = uniqueName('by_cli')
  const file = await spec(`${id}.json`, { ignoreWarnings: true })

  const checked = (await run(0, ['check', file, '--json'])).json() as { verdict: string; precheck: { items: { name: string }[] } }
  assert.equal(checked.verdict, 'go')
  assert.ok(checked.precheck.items.some(({ name }) => name === 'replica_identity'))
  const strict = await run(3, ['check', await spec('strict.json')])
  assert.match(strict.stdout, /! replica_identity \(Warning\)\n {4}Found: .*\n {4}Expected: /)

  const started = (await run(0, ['start', file, '--wait', 'undelayed', '--json'])).json() as { status: { undelayed: boolean } }
  assert.equal(started.status.undelayed, true)
  assert.match((await run(1, ['start', file])).stderr, /is running; nothing was started/)
  const { stdout: listed } = await promisify(execFile)(process.execPath, [BIN, 'list', '--running', '--json'], { env })
  const { migrations } = JSON.parse(listed) as { migrations: { workflowId: string; phase: string }[] }
  assert.equal(migrations.find(({ workflowId }) => workflowId === id)?.phase, 'incremental')

  await run(0, ['pause', id])
  assert.equal(((await run(0, ['status', id, '--json'])).json() as { status: { state: string } }).status.state, 'paused')

  // Sent while it is paused, a cutover is kept; whoever waits for it may stop, and somebody else may give it up.
  const stopped = await run(130, ['cutover', id, '--yes'], { interrupt: (send) => send() })
  assert.match(stopped.stderr, /The cutover goes on\.\nWatch it: .*\nGive it up: {2}pgmove abort-cutover/)
  await run(0, ['abort-cutover', id])
  const given = run(1, ['cutover', id, '--yes', '--json'])
  given.catch(() => undefined)
  await eventually('a cutover that is asked for', 30, async () => {
    const { status } = (await run(0, ['status', id, '--json'])).json() as { status: { cutoverRequested: boolean } }
    return status.cutoverRequested
  })
  await run(0, ['abort-cutover', id])
  assert.equal(((await given).json() as { error: { type: string } }).error.type, 'Aborted')
  await run(0, ['resume', id])
  await run(0, ['wait', id, '--until', 'undelayed'])
  assert.match((await run(0, ['rate', id, '--rows-per-second', '50000'])).stdout, /50000 rows per second/)
  assert.match((await run(1, ['abort-cutover', id])).stderr, /Not possible: No cutover is under way/)
  const waited = await run(130, ['wait', id], { interrupt: (send) => send() })
  assert.match(waited.stderr, new RegExp(`${id} goes on`))
  assert.match(
    (await run(0, ['validate', id, '--what', 'data', '--table', 'public.orders'])).stdout,
    /^Rows: Passed\. 2,000 rows .* of 1 table compared/,
  )

  assert.match((await run(2, ['cutover', id])).stderr, /give --yes/)
  const asked = await run(1, ['cutover', id], { answer: 'n' })
  assert.match(asked.stderr, /stop it first/)
  assert.match(asked.stdout, /Nothing was sent/)
  const left = await run(130, ['status', id, '--watch'], { terminal: true, interrupt: (send) => setImmediate(send) })
  assert.match(left.stdout, new RegExp(`${id} goes on`))
  const watches = Promise.all([
    run(0, ['status', id, '--watch', '--color', 'never'], { terminal: true }),
    run(0, ['status', id, '--watch']),
  ])
  watches.catch(() => undefined)
  const cut = (await run(0, ['cutover', id, '--fence', 'readOnly', '--yes', '--json'])).json() as { report: MigrationReport }
  assert.equal(cut.report.cutover?.fence, 'readOnly')
  const [watched, told] = await watches
  // The screen is given back before the last view stays.
  assert.match(watched.stdout.split('[?1049l')[1] ?? '', /: completed, [^]* ✔ Cutover [^]*What it did: {2}pgmove report/)
  assert.match(told.stdout, /^\S+Z \w+[^]*\n\S+ has completed/)
  const report = (await run(0, ['report', id, '--json'])).json() as MigrationReport
  assert.deepEqual(report, cut.report)
  assert.deepEqual([report.largest?.length, report.largest?.[0]?.table], [report.tables.copied, 'public.orders'])
  assert.match(
    (await run(0, ['report', id])).stdout,
    /\n {2}Nobody could write for .*\n[^]*\n {2}Make the source read-only +[·█]{24} +\d+ ms\n/,
  )
  const page = path.join(folder, 'report.html')
  await run(0, ['report', id, '--html', page])
  assert.ok((await readFile(page, 'utf8')).includes(report.id))
  await run(1, ['report', id, '--html', folder])
  assert.ok((await shell(['report', id])).includes(report.id))
  assert.match((await run(1, ['pause', id])).stderr, /is over \(completed\)/)
  assert.match((await run(1, ['start', file])).stderr, /has completed already; nothing was started/)
  assert.deepEqual(await contents(target), await contents(source))
})

test('the commands that pgmove shows do the same; a precheck waits with 3; a cancel leaves nothing', LIMIT, async () => {
  const { source, target } = await smallPair()
  const { spec, run, shell } = await desk(await sharedMigration({ source: source.url, target: target.url }))
  const id = uniqueName('by_shell')
  const file = await spec(`${id}.json`, { name: `it's a "shop"` })
  await shell(['start', file])
  const waiting = await run(3, ['wait', id])
  assert.match(waiting.stdout, new RegExp(`pgmove rerun-precheck ${id} --ignore-warnings`))
  await run(3, ['status', id])
  await shell(['rerun-precheck', id, '--ignore-warnings', 'replica_identity'])
  await run(0, ['wait', id, '--until', 'undelayed'])
  await shell(['pause', id])
  assert.match(await shell(['status', id]), /"state": ?"paused"/)
  assert.equal(((await run(0, ['status', id, '--json'])).json() as { status: { state: string } }).status.state, 'paused')
  const cancelled = (await run(0, ['cancel', id, '--yes', '--json'])).json() as { workflow: string; left: string[] }
  assert.equal(cancelled.workflow, 'CANCELLED')
  assert.match(cancelled.left.join('\n'), /^"public"\."orders" .*: alter table "public"\."orders" enable trigger/m)
  assert.deepEqual(await remains(source), [])
  assert.match((await run(1, ['report', id])).stderr, /Cancelled/)

  // After a cancel the same ID may be used again; what runs is cancelled by the command that is shown.
  await run(0, ['start', file])
  await shell(['cancel', id])
  await run(1, ['wait', id])
})

test('a wrong spec starts nothing; an unknown ID, another workflow and a queue without workers are told', LIMIT, async () => {
  const { source, target } = await smallPair()
  const { spec, run } = await desk(await sharedMigration({ source: source.url, target: target.url }))
  const id = uniqueName('refused')
  const wrong = await spec(`${id}.json`, { objects: [{ schema: 'public', colums: ['id'] }] })
  assert.match((await run(2, ['start', wrong])).stderr, /\$\.objects\[0\]/)
  assert.match((await run(1, ['status', id])).stderr, new RegExp(`There is no migration ${id}`))
  const nowhere = ['--task-queue', uniqueName('nobody')]
  assert.match((await run(4, ['check', await spec('right.json'), ...nowhere])).stderr, /No worker polls .*\n.*\nNothing was started/)
  assert.match((await run(4, ['list', '--namespace', 'nowhere'])).stderr, /nowhere/)

  // Without a worker a migration is started all the same: Temporal keeps it.
  const kept = (await run(0, ['start', await spec(`${id}.json`), '--json', ...nowhere])).json() as { worker: boolean }
  assert.equal(kept.worker, false)
  assert.match((await run(4, ['pause', id])).stderr, /No worker polls .*\n.*\nNothing was sent/)
  await run(4, ['status', id])
  await run(0, ['cancel', id, '--yes', '--no-wait'])
})
