import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { ENDING_KINDS, RETRIED_KINDS, RETURNING_KINDS, WAITING_KINDS } from '../../src/errors/error-kind.ts'
import { HINTS } from '../../src/errors/error-policy.ts'
import { OPERATIONS_FILE, withErrorReference } from '../../src/errors/operations-file.ts'

const text = readFileSync(new URL(`../../${OPERATIONS_FILE}`, import.meta.url), 'utf8')

test('OPERATIONS.md has the errors of the policy, word for word', () => {
  assert.equal(text, withErrorReference(text), 'run: node --import tsx src/errors/write-operations.ts')
})

test('every kind of error has its entry, with what to do', () => {
  const kinds = [...ENDING_KINDS, ...WAITING_KINDS, ...RETURNING_KINDS, ...RETRIED_KINDS]
  assert.deepEqual([...kinds].sort(), Object.keys(HINTS).sort())
  for (const kind of kinds) {
    const entry = text.split(`#### ${kind}\n`)[1]?.split('#### ')[0] ?? ''
    assert.ok(entry.includes(HINTS[kind]), kind)
  }
})

test('without its marks the file is not touched', () => {
  assert.throws(() => withErrorReference('# Operations'), /lacks the marks/)
})
