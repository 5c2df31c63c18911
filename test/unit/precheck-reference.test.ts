import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { OPERATIONS_FILE } from '../../src/errors/operations-file.ts'
import { CHECKS } from '../../src/precheck/checks.ts'
import { withItemReference } from '../../src/precheck/item-reference.ts'

const text = readFileSync(new URL(`../../${OPERATIONS_FILE}`, import.meta.url), 'utf8')

test('OPERATIONS.md lists the items of the precheck, word for word', () => {
  assert.equal(text, withItemReference(text), 'run: node --import tsx src/precheck/write-reference.ts')
  assert.throws(() => withItemReference('# Operations'), /lacks the marks/)
})

test('every item has a name of its own, which a spec can mention', () => {
  const names = CHECKS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.match(name, /^[a-z][a-z0-9_]+$/)
})
