import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonProblem } from '../../src/cli/json-problem.ts'
import { tableName } from '../../src/cli/table-name.ts'
import { connectionReference } from '../../src/cli/connection-reference.ts'
import { cli } from '../cli-run.ts'

test('a text that is no JSON is told by line and column, without the text around it', () => {
  const of = (text: string): string => {
    const { line, column, found, expected } = jsonProblem(text) ?? { line: 0, column: 0, found: '', expected: '' }
    return `${line}:${column} found ${found}, expected ${expected}`
  }
  assert.equal(of('{\n  "a": 1,\n}'), '3:1 found "}", expected a key in double quotes: no comma may stand before "}"')
  assert.equal(of('{"password": secret}'), '1:14 found "s", expected a value')
  assert.equal(of("{'a': 1}"), '1:2 found "\'", expected a key in double quotes')
  assert.equal(of('{"a": 1 "b": 2}'), '1:9 found "\\"", expected "," or "}"')
  assert.equal(of('{"a" 1}'), '1:6 found "1", expected ":"')
  assert.equal(of('{"a": "b\n"}'), '1:7 found "\\"", expected a text that ends with a double quote on the same line')
  assert.equal(of('[1, 2'), '1:6 found the end of the text, expected "," or "]"')
  assert.equal(of('{} x'), '1:4 found "x", expected nothing more')
  assert.equal(of(''), '1:1 found the end of the text, expected a value')
})

test('JSON is taken for JSON, and nothing else', () => {
  fc.assert(fc.property(fc.json(), (text) => jsonProblem(text) === undefined))
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom('"', ',', '}', ']', ':', 'x', ''), (text, at, change) => {
      const place = at % (text.length + 1)
      const changed = text.slice(0, place) + change + text.slice(place + 1)
      assert.equal(jsonProblem(changed) === undefined, isJson(changed), changed)
    }),
  )
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('a table is named as in the catalogue, or as in SQL', () => {
  assert.deepEqual(tableName('public.Orders'), { schema: 'public', table: 'Orders' })
  assert.deepEqual(tableName('"odd.schema"."a ""b"""'), { schema: 'odd.schema', table: 'a "b"' })
  for (const wrong of ['orders', '', '.orders', 'public.', 'a.b.c', '"a.b', 'public."a"b'])
    assert.throws(() => tableName(wrong), /SCHEMA\.TABLE/)
})

test('a database is named by URL, variable or file', () => {
  assert.deepEqual(connectionReference('env:SHOP'), { env: 'SHOP' })
  assert.deepEqual(connectionReference('file:/run/secrets/shop'), { file: '/run/secrets/shop' })
  assert.deepEqual(connectionReference('postgres://a@b/c'), { url: 'postgres://a@b/c' })
})

test('a wrong spec ends with 2 and every field that is wrong; a secret is not repeated', async () => {
  const spec = { source: { url: 'postgres://app:hunter2@db/shop' }, target: { env: 'T' }, cuttover: {}, ddl: 'ignore' }
  const result = await cli(['start', '-', '--id', 'shop', '--json'], { stdin: JSON.stringify(spec) })
  assert.equal(result.code, 2)
  assert.match(result.stderr, /\$\.ddl: found "ignore", expected "capture" or "pause"/)
  assert.match(result.stderr, /\$\.cuttover/)
  assert.match(result.stderr, /\$\.source\.url/)
  assert.doesNotMatch(result.stderr + result.stdout, /hunter2/)
  const { error } = result.json() as { error: { type: string; exitCode: number; details: { path: string }[] } }
  assert.deepEqual([error.type, error.exitCode, error.details.length], ['InvalidSpec', 2, 3])

  const broken = await cli(['check', '-'], { stdin: '{"source": {"url": "postgres://app:hunter2@db/shop"},}' })
  assert.equal(broken.code, 2)
  assert.match(broken.stderr, /is no JSON: line 1, column \d+: found "}"/)
  assert.doesNotMatch(broken.stderr, /hunter2/)
  assert.equal((await cli(['start', '/nowhere/shop.json'])).code, 2)
})
