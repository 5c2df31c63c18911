// Runs tests: `test/run.ts [TIER | FILE | --OPTION-OF-NODE-TEST]…`. Without a tier or file: the static checks and every tier but the matrix.
// One run of node:test over all of them, so that its closing summary counts everything.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { staticChecks } from '../dev/static-checks.ts'
import { compileTests } from './compile-tests.ts'
import { REGISTRY_VARIABLE, ServerPool, serveRegistry } from './server-registry.ts'
import { testEnvironment } from './test-environment.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

/** The tiers of a plain `npm test`, fastest first. */
const TIERS = ['unit', 'integration', 'e2e', 'fault'] as const
/** `matrix` takes too long for every run. */
const ON_DEMAND = ['matrix'] as const

/** Files at once: most of them wait most of the time, for servers, time limits and the network, so that two would leave two cores idle. */
const FILES_AT_ONCE = 3

/** A test that hangs ends after this many ms, and the run goes on. */
const TEST_TIMEOUT = 20 * 60_000

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('--'))
  const chosen = args.filter((arg) => !arg.startsWith('--'))
  const files = (chosen.length === 0 ? TIERS : chosen).flatMap(filesOf)
  if (files.length === 0) {
    console.error('There is no test file to run')
    return 1
  }
  // Beside the first tests: types and lint keep one core busy.
  const checks = chosen.length === 0 ? staticChecks() : Promise.resolve(true)
  const status = await runFiles(files, options, checks)
  if (await checks) return status
  console.error('A static check failed, which ended the run. `npm run format` and `npm run lint -- --fix` mend some findings.')
  return 1
}

/** The test files of a tier, or the one file named; paths are relative to where npm was called. */
function filesOf(chosen: string): string[] {
  if ([...TIERS, ...ON_DEMAND].some((tier) => tier === chosen)) {
    const folder = path.join(PROJECT, 'test', chosen)
    if (!existsSync(folder)) return []
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names
      .filter((name) => name.endsWith('.test.ts'))
      .sort()
      .map((name) => path.join(folder, name))
  }
  const file = path.resolve(process.env['INIT_CWD'] ?? process.cwd(), chosen)
  if (!existsSync(file)) throw new Error(`${chosen} is neither a test file nor one of the tiers ${[...TIERS, ...ON_DEMAND].join(', ')}`)
  return [file]
}

/** Ends the run early once `checks` has come to false. */
async function runFiles(files: readonly string[], options: readonly string[], checks: Promise<boolean>): Promise<number> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
  const count = path.join(scratch, 'executed')
  const pool = new ServerPool()
  const registry = await serveRegistry(pool)
  const [{ folder, compiled }] = await Promise.all([compileTests(PROJECT, files), buildForWorkers(files)])
  const args = ['--enable-source-maps', '--test', `--test-concurrency=${FILES_AT_ONCE}`, `--test-timeout=${TEST_TIMEOUT}`]
  args.push('--test-reporter=spec', '--test-reporter-destination=stdout')
  args.push(`--test-reporter=${new URL('count-reporter.mjs', import.meta.url).href}`, `--test-reporter-destination=${count}`)
  try {
    const status = await runNode([...args, ...options, ...compiled], { ...testEnvironment(), [REGISTRY_VARIABLE]: registry.url }, checks)
    if (status !== 0) return status
    if (Number(readFileSync(count, 'utf8')) > 0) return 0
    console.error('No test was executed')
    return 1
  } finally {
    registry.close()
    await pool.stop()
    for (const made of [scratch, folder]) await rm(made, { recursive: true, force: true })
  }
}

/** Once, before several workers find at the same time that the workflows' bundle is missing, and each builds it. */
async function buildForWorkers(files: readonly string[]): Promise<void> {
  const unit = path.join(PROJECT, 'test', 'unit') + path.sep
  if (files.every((file) => file.startsWith(unit))) return
  const { workflowSource } = await import('../src/workflow-bundle.ts')
  await workflowSource()
}

function runNode(args: string[], env: NodeJS.ProcessEnv, checks: Promise<boolean>): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: PROJECT, env, stdio: 'inherit' })
  // Ctrl-C reaches the whole foreground group; waiting for the child here lets its files end their servers.
  const forward = (signal: NodeJS.Signals) => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, forward)
  void checks.then((passed) => passed || child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      for (const signal of signals) process.off(signal, forward)
      resolve(code ?? 1)
    })
  })
}
