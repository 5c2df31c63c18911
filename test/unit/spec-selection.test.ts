import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { escapePattern, isPattern, literalPart, matchesPattern } from '../../src/spec/name-pattern.ts'
import { selects, selectsSchema } from '../../src/spec/selection.ts'

const ALL = { objects: null, exclude: [] }

test('without objects every user schema is selected, never a reserved one', () => {
  assert.ok(selects(ALL, 'public', 't'))
  assert.equal(selectsSchema(ALL, 'public'), 'whole')
  for (const schema of ['pgmove', 'pg_catalog', 'pg_toast', 'pg_temp_3', 'information_schema']) {
    assert.ok(!selects({ objects: [{ schema }], exclude: [] }, schema, 't'), schema)
    assert.equal(selectsSchema({ objects: [{ schema }], exclude: [] }, schema), 'no')
  }
  assert.ok(selects(ALL, 'pgx', 't') && selects(ALL, 'PG_catalog', 't'))
})

test('exclude wins, then a table entry, then its schema', () => {
  const spec = {
    objects: [{ schema: 'a' }, { schema: 'b', table: 'x*' }, { schema: 'a', table: 'audit_1' }, { schema: 'st*r' }],
    exclude: [{ schema: 'a', table: 'audit_*' }, { schema: '*_old' }, { schema: '*', table: 'tmp' }],
  }
  const chosen = (names: string): boolean => selects(spec, names.split('.')[0] ?? '', names.split('.')[1] ?? '')
  assert.deepEqual(['a.t', 'a.audit_1', 'a.tmp', 'b.x', 'b.x1', 'b.y', 'c.t', 'st*r.t', 'star.t'].map(chosen), [
    true,
    false,
    false,
    true,
    true,
    false,
    false,
    true,
    false,
  ])
  assert.deepEqual(
    ['a', 'b', 'c', 'st*r', 'a_old'].map((schema) => selectsSchema(spec, schema)),
    ['whole', 'tables', 'no', 'whole', 'no'],
  )
  assert.equal(selectsSchema({ objects: null, exclude: [{ schema: 'a', table: '*' }] }, 'a'), 'whole')
  assert.equal(selectsSchema({ objects: null, exclude: [{ schema: '*_old' }] }, 'x_old'), 'no')
})

const unit = fc.constantFrom('a', 'b', '*', '\\', '.', 'é', '💧')
const text = fc.string({ unit, maxLength: 12 })

test('a pattern matches what the regular expression of the same meaning matches', () => {
  const expression = (pattern: string): RegExp => {
    const parts = pattern.match(/\\\*|[\s\S]/g) ?? []
    const body = parts.map((part) => (part === '*' ? '[^]*' : part === '\\*' ? '\\*' : part.replace(/[.\\]/g, '\\$&')))
    return new RegExp(`^${body.join('')}$`)
  }
  fc.assert(
    fc.property(text, text, (pattern, name) => assert.equal(matchesPattern(pattern, name), expression(pattern).test(name))),
    { numRuns: 3000 },
  )
})

test('an escaped name matches itself and nothing else', () => {
  fc.assert(
    fc.property(text, text, (name, other) => {
      // A backslash before a star can't be written, since only the star can be escaped.
      fc.pre(!name.includes('\\*'))
      const pattern = escapePattern(name)
      assert.ok(!isPattern(pattern))
      assert.equal(literalPart(pattern), name)
      assert.equal(matchesPattern(pattern, other), other === name)
      assert.ok(matchesPattern(pattern, name))
    }),
  )
})

test('many stars stay fast', () => {
  assert.ok(!matchesPattern('*a'.repeat(30), 'a'.repeat(29) + 'b'.repeat(2000)))
})
