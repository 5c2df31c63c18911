import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../../src/postgres/cache-folder.ts'
import { portAnswers } from '../port-answers.ts'
import { eventually } from '../servers.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const TUTORIAL = readFileSync(path.join(PROJECT, 'docs/tutorial.md'), 'utf8')

/** Commands of one block, and what the next block says that they print. */
interface Step {
  /** What stands behind `sh`: the terminal, or the exit code. */
  readonly where: string
  readonly commands: string
  readonly output: readonly string[]
}

const STEPS: Step[] = [...TUTORIAL.matchAll(/^```sh *(.*)\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```\n)?/gm)].map(
  ([, where = '', commands = '', output = '']) => ({ where, commands, output: output.split('\n').filter((line) => line.trim() !== '') }),
)

let temporary: string
/** Where the reader stands: a folder that looks like the project's, and takes the files that the tutorial makes. */
let folder: string
const started: { child: ChildProcess; ended: Promise<number> }[] = []

before(async () => {
  temporary = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
  // The servers run as another user.
  await chmod(temporary, 0o711)
  folder = path.join(temporary, 'project')
  await mkdir(folder)
  for (const name of ['package.json', 'node_modules', 'dev', 'demo', 'src'])
    await symlink(path.join(PROJECT, name), path.join(folder, name))
})
after(async () => {
  for (const { child } of started) child.kill('SIGTERM')
  await Promise.all(started.map(({ ended }) => ended))
  await rm(temporary, { recursive: true, force: true })
})

interface Shell {
  readonly output: () => string
  readonly running: () => boolean
  readonly kill: (signal: NodeJS.Signals) => void
  /** Its exit code. */
  readonly ended: Promise<number>
}

function shell(commands: string): Shell {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TEMPORAL|PGMOVE|npm)_/.test(name)))
  const child = spawn('bash', ['-euc', commands], {
    cwd: folder,
    env: { ...env, TMPDIR: temporary, PGMOVE_CACHE: cacheFolder() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  started.push({ child, ended })
  return {
    output: () => output,
    running: () => child.exitCode === null && child.signalCode === null,
    kill: (signal) => child.kill(signal),
    ended,
  }
}

/** Amounts, times, ports and lengths of bars are others in every run; so is the space between columns. */
function comparable(line: string): string {
  return line
    .replace(/[0-9a-f-]{16,}/g, '#')
    .replace(/\d[\d,.:]*( (kB|MB|GB|ms|s)\b)?/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Every line that the page shows is printed, in its order; `…` stands for anything. */
function assertShown(step: Step, output: string): void {
  const printed = output.split('\n').map(comparable)
  let from = 0
  for (const line of step.output.map(comparable)) {
    if (line === '…') continue
    const parts = line.split(/ ?… ?/).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    const pattern = new RegExp(`^${parts.join('.*')}$`)
    const at = printed.findIndex((found, index) => index >= from && pattern.test(found))
    assert.ok(at >= 0, `not printed, or not in this place: ${line}\nby: ${step.commands}\n${output}`)
    from = at + 1
  }
}

test('the tutorial works, command by command as written, and the demo ends everything when it is told to stop', async () => {
  const [first, ...rest] = STEPS
  assert.ok(first?.where === 'first terminal' && rest.length >= 10)
  // The shop of the test is smaller.
  const demo = shell(`exec ${first.commands.trim()} --scale 0.05`)
  await eventually('the demo', 120, () => !demo.running() || demo.output().includes('until Ctrl-C'))
  assertShown(first, demo.output())
  let third: Shell | undefined
  for (const step of rest) {
    if (step.where === 'third terminal') {
      third = shell(step.commands)
      continue
    }
    const wanted = Number(/^exit code (\d+)$/.exec(step.where)?.[1] ?? 0)
    assert.ok(wanted > 0 || step.where === '', step.where)
    const one = shell(`. ./shop.env\n${step.commands}`)
    assert.equal(await one.ended, wanted, `${step.commands}\n${one.output()}`)
    assertShown(step, one.output())
  }
  assert.equal(await third?.ended, 0, third?.output())
  assert.ok(demo.running(), demo.output())

  demo.kill('SIGTERM')
  await demo.ended
  assert.doesNotMatch(demo.output(), /failed/)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name === 'shop.env'),
    [],
    'the demo takes its file away',
  )
  assert.deepEqual(
    (await readdir(temporary)).filter((name) => name.startsWith('pgmove-')),
    [],
  )
  const [, ...ports] = /on ports (\d+) and (\d+); Web UI .*:(\d+)/.exec(demo.output()) ?? []
  assert.equal(ports.length, 3)
  for (const port of ports) assert.equal(await portAnswers(Number(port)), false, `port ${port} is still in use`)
})

test('the tutorial is no longer right when a line is missing', () => {
  const step: Step = { where: '', commands: 'x', output: ['Copied 26 of 26 tables, …', '…', 'Done in 3.1 s'] }
  assertShown(step, 'Copied 22 of 22 tables, 5 rows\nmore\n  Done in 12 ms\n')
  assert.throws(() => assertShown(step, 'Done in 3 s\nCopied 22 of 22 tables, 5 rows\n'))
  assert.throws(() => assertShown(step, 'Copied 22 of 22 tables, 5 rows\nDone at 3 s\n'))
})
