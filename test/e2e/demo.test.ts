import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDemoOptions } from '../../demo/demo-options.ts'
import { cacheFolder } from '../../src/postgres/cache-folder.ts'
import { portAnswers } from '../port-answers.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

interface Demo {
  readonly output: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<number>
}

let temporary: string
const demos: Demo[] = []

before(async () => {
  temporary = await mkdtemp(path.join(os.tmpdir(), 'pgmove-test-'))
  // The servers run as another user.
  await chmod(temporary, 0o711)
})
after(async () => {
  for (const demo of demos) demo.kill('SIGTERM')
  await Promise.all(demos.map((demo) => demo.ended))
  await rm(temporary, { recursive: true, force: true })
})

/** Runs the demo as `npm run demo` does, with a temporary folder of its own. */
function demo(...args: string[]): Demo {
  const child = spawn(process.execPath, ['dev/with-install.mjs', 'demo/main.ts', ...args], {
    cwd: PROJECT,
    env: { ...process.env, TMPDIR: temporary, PGMOVE_CACHE: cacheFolder() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const started: Demo = {
    output: () => output,
    kill: (signal) => child.kill(signal),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1))),
  }
  demos.push(started)
  return started
}

async function assertNothingLeft(output: string): Promise<void> {
  const left = (await readdir(temporary)).filter((name) => name.startsWith('pgmove-'))
  assert.deepEqual(left, [])
  const [, source, target] = /on ports (\d+) and (\d+)/.exec(output) ?? []
  const [, ui] = /Web UI http:\/\/127\.0\.0\.1:(\d+)/.exec(output) ?? []
  for (const port of [source, target, ui]) assert.equal(await portAnswers(Number(port)), false, `port ${port} is still in use`)
}

test('the demo migrates, finds everything equal and leaves nothing running', async () => {
  const taken = net.createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as net.AddressInfo
  const run = demo('--exit', '--scale', '0.05', '--ui-port', String(port))
  const code = await run.ended
  taken.close()
  const output = run.output()
  assert.equal(code, 0, output)
  assert.match(output, /everything matches/)
  for (const part of ['rows', 'sequences', 'ledger', 'definitions', 'source']) assert.match(output, new RegExp(`✔ ${part} `))
  assert.match(output, /\$ temporal workflow signal --workflow-id shop --name cutover/)
  assert.doesNotMatch(output, new RegExp(`Web UI http://127.0.0.1:${port}\\b`), 'a taken port is stepped aside')
  await assertNothingLeft(output)
})

test('the demo refuses options that it does not know', async () => {
  const run = demo('--fast')
  assert.equal(await run.ended, 2)
  assert.match(run.output(), /'--fast'/)
  for (const [args, reason] of [
    [['--from', '9'], /^--from is "9", but must be a whole number from 10 to 18$/],
    [['--ui-port', 'x'], /^--ui-port is "x", but must be/],
  ] as const) {
    assert.throws(() => parseDemoOptions(args, false), { message: reason })
  }
})
