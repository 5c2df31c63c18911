// Runs tests: `test/run.ts [TIER | FILE | --OPTION-OF-NODE-TEST]…`. Without a tier or file: the static checks, then every tier but the matrix.
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

/** A test that hangs ends after this many ms, and the run goes on. */
const TEST_TIMEOUT = 20 * 60_000

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('--'))
  const chosen = args.filter((arg) => !arg.startsWith('--'))
  if (chosen.length === 0 && !(await staticChecks())) {
    console.error('A static check failed: no test was run. `npm run format` and `npm run lint -- --fix` mend some findings.')
    return 1
  }
  const files = (chosen.length === 0 ? TIERS : chosen).flatMap(filesOf)
  if (files.length === 0) {
    console.error('There is no test file to run')
    return 1
  }
  return await runFiles(files, options)
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

async function runFiles(files: readonly string[], options: readonly string[]): Promise<number> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
  const count = path.join(scratch, 'executed')
  const pool = new ServerPool()
  const registry = await serveRegistry(pool)
  const { folder, compiled } = await compileTests(PROJECT, files)
  const args = ['--enable-source-maps', '--test', '--test-concurrency=2', `--test-timeout=${TEST_TIMEOUT}`]
  args.push('--test-reporter=spec', '--test-reporter-destination=stdout')
  args.push(`--test-reporter=${new URL('count-reporter.mjs', import.meta.url).href}`, `--test-reporter-destination=${count}`)
  try {
    const status = await runNode([...args, ...options, ...compiled], { ...testEnvironment(), [REGISTRY_VARIABLE]: registry.url })
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

function runNode(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: PROJECT, env, stdio: 'inherit' })
  // Ctrl-C reaches the whole foreground group; waiting for the child here lets its files end their servers.
  const forward = (signal: NodeJS.Signals) => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, forward)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      for (const signal of signals) process.off(signal, forward)
      resolve(code ?? 1)
    })
  })
}
