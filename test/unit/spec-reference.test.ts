import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { SPEC_REFERENCE_FILE, specFields, specReference } from '../../src/spec/spec-reference.ts'
import { validateSpec } from '../../src/spec/validate-spec.ts'

const BASE = { source: { env: 'S' }, target: { env: 'T' } }
const text = readFileSync(new URL(`../../${SPEC_REFERENCE_FILE}`, import.meta.url), 'utf8')

test('the reference of the spec is what the schema says', () => {
  assert.equal(text, specReference(), 'run: node --import tsx src/spec/write-reference.ts')
})

test('every field of the spec has a description', () => {
  const fields = specFields()
  for (const path of ['source.password.env', 'objects[].columns[].as', 'transferRate.rowsPerSecond', 'cutover.fence'])
    assert.ok(
      fields.some((field) => field.path === path),
      path,
    )
  assert.deepEqual(
    fields.filter(({ node }) => !node.description).map(({ path }) => path),
    [],
  )
})

test('every example of the reference is valid', () => {
  const examples = [...text.matchAll(/^Example: `(.*)`$/gm)].map(([, json]) => JSON.parse(json ?? '') as Record<string, unknown>)
  assert.equal(examples.length, specFields().filter(({ path }) => !/[.[]/.test(path)).length)
  for (const example of examples) {
    assert.ok(Object.keys(example).length === 1, JSON.stringify(example))
    assert.ok('spec' in validateSpec({ ...BASE, ...example }), JSON.stringify(validateSpec({ ...BASE, ...example })))
  }
})
