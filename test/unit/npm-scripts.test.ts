import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '../../src/worker-command.mjs'

test("a script that starts Node.js takes the place of npm's shell, which passes no signal on", () => {
  const direct = Object.entries(manifest.scripts).filter(([, command]) => /\bnode\b/.test(command))
  assert.ok(direct.length > 0)
  for (const [name, command] of direct) assert.match(command, /^exec (env \S+=\S+ )?node /, name)
})

test('`npm run worker` and the image start a worker as the command does', async () => {
  const variables = Object.entries(WORKER_ENVIRONMENT).map(([name, value]) => `${name}=${value}`)
  const command = [...variables, 'node', ...WORKER_FLAGS, 'src/start-worker.mjs']
  assert.equal(manifest.scripts.worker, `exec env ${command.join(' ')}`)
  const image = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8')
  for (const variable of variables) assert.match(image, new RegExp(`^ENV .*\\b${variable}$`, 'm'))
  assert.ok(image.includes(`CMD ${JSON.stringify(command.slice(variables.length)).replaceAll(',', ', ')}`))
})

test('every test tier has a script of its own', () => {
  for (const tier of ['unit', 'integration', 'e2e', 'fault', 'matrix']) {
    assert.equal(
      Object.entries(manifest.scripts).find(([name]) => name === `test:${tier}`)?.[1],
      `exec node dev/with-install.mjs test/run.ts ${tier}`,
    )
  }
})
