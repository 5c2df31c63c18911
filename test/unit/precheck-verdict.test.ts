import assert from 'node:assert/strict'
import test from 'node:test'
import { precheckItem } from '../../src/precheck/precheck-item.ts'
import { precheckVerdict } from '../../src/precheck/precheck-verdict.ts'

const warns = { name: 'a', status: 'Warning' } as const
const passes = { name: 'b', status: 'Passed' } as const
const fails = { name: 'c', status: 'Failed' } as const

test('a warning waits unless it is ignored; a failed item always waits', () => {
  assert.equal(precheckVerdict([], false), 'go')
  assert.equal(precheckVerdict([passes], false), 'go')
  assert.equal(precheckVerdict([passes, warns], false), 'wait')
  assert.equal(precheckVerdict([passes, warns], ['b']), 'wait')
  assert.equal(precheckVerdict([passes, warns], ['a']), 'go')
  assert.equal(precheckVerdict([passes, warns], true), 'go')
  assert.equal(precheckVerdict([warns, fails], true), 'wait')
  assert.equal(precheckVerdict([fails], ['c']), 'wait')
})

test('an item lists ten objects with the number of all, and stays short', () => {
  const objects = Array.from({ length: 12 }, (_, i) => `o${i}`)
  const item = precheckItem('x', 'y', { status: 'Warning', found: 'z'.repeat(2000), fix: '', objects })
  assert.equal(item.objects.length, 10)
  assert.equal(item.objectCount, 12)
  assert.ok(item.found.length <= 600)
})
