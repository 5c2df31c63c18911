import assert from 'node:assert/strict'
import test from 'node:test'
import manifest from '../../package.json' with { type: 'json' }

test("a script that starts Node.js takes the place of npm's shell, which passes no signal on", () => {
  const direct = Object.entries(manifest.scripts).filter(([, command]) => /\bnode\b/.test(command))
  assert.ok(direct.length > 0)
  for (const [name, command] of direct) assert.match(command, /^exec node /, name)
})

test('every test tier has a script of its own', () => {
  for (const tier of ['unit', 'integration', 'e2e', 'fault', 'matrix']) {
    assert.equal(
      Object.entries(manifest.scripts).find(([name]) => name === `test:${tier}`)?.[1],
      `exec node dev/with-install.mjs test/run.ts ${tier}`,
    )
  }
})
