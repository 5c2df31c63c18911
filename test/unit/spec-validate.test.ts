import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import fc from 'fast-check'
import { validateCutoverArgument } from '../../src/spec/cutover-argument.ts'
import { parseDuration } from '../../src/spec/duration.ts'
import { invalidSpecMessage, utf8Length } from '../../src/spec/invalid-spec-message.ts'
import { JSON_SCHEMA_FILE, jsonSchema } from '../../src/spec/json-schema.ts'
import { validateSpec } from '../../src/spec/validate-spec.ts'
import { validateValidation } from '../../src/spec/validate-validation.ts'

const BASE = { source: { url: 'postgres://u@h/db', password: { env: 'P' } }, target: { env: 'TARGET' } }

function specOf(input: unknown) {
  const result = validateSpec(input)
  if ('problems' in result) assert.fail(invalidSpecMessage(result.problems))
  return result.spec
}
function problemsOf(input: unknown): string[] {
  const result = validateSpec(input)
  return 'problems' in result ? result.problems.map(({ path, found, expected }) => `${path}: ${found} / ${expected}`) : []
}

test('only source and target are required; everything else has its default', () => {
  assert.deepEqual(specOf(BASE), {
    ...BASE,
    name: null,
    types: ['schema', 'full', 'incremental'],
    objects: null,
    exclude: [],
    existing: 'refuse',
    roles: { map: {}, grants: 'keep' },
    reconnectWindowMs: 12 * 3_600_000,
    transferRate: { megabytesPerSecond: null, rowsPerSecond: null },
    copy: { tableJobs: 4, indexJobs: 2 },
    ddl: 'capture',
    lag: { heartbeatMs: 1000, undelayedMs: 10_000 },
    precheck: { wait: true },
    ignoreWarnings: false,
    cutover: { fence: 'none', validate: 'counts' },
  })
})

test('default values written out mean the same, and the normal form survives JSON', () => {
  const written = {
    ...BASE,
    types: ['incremental', 'schema', 'full'],
    exclude: [],
    existing: 'refuse',
    roles: { map: {}, grants: 'keep' },
    reconnectWindow: '12h',
    transferRate: { megabytesPerSecond: null },
    copy: { tableJobs: 4, indexJobs: 2 },
    ddl: 'capture',
    lag: { heartbeat: '1s', undelayed: '10s' },
    precheck: { wait: true },
    ignoreWarnings: false,
    cutover: { fence: 'none', validate: 'counts' },
  }
  assert.deepEqual(specOf(written), specOf(BASE))
  assert.deepEqual(JSON.parse(JSON.stringify(specOf(written))), specOf(BASE))
})

test('the key by which editors find the JSON Schema is accepted, and means nothing', () => {
  assert.deepEqual(specOf({ $schema: './migration-spec.schema.json', ...BASE }), specOf(BASE))
})

test('every combination of types is accepted, none of them is not', () => {
  for (let bits = 1; bits < 8; bits++) {
    const types = ['schema', 'full', 'incremental'].filter((_, index) => bits & (1 << index))
    assert.deepEqual(specOf({ ...BASE, types }).types, types)
  }
  assert.match(problemsOf({ ...BASE, types: [] }).join(), /\$\.types: an empty list/)
  assert.match(problemsOf({ ...BASE, types: ['full', 'full'] }).join(), /each at most once/)
})

test('everything of this version is accepted', () => {
  const spec = specOf({
    ...BASE,
    name: 'shop',
    source: { file: '/run/secrets/url' },
    objects: [{ schema: 'public' }, { schema: 'app', table: 'a*' }, { schema: 'app', table: '\\*' }],
    exclude: [{ schema: 'tmp*' }, { schema: '*', table: 'audit_*' }],
    existing: 'replace',
    roles: { map: { 'old owner': 'new_owner' }, grants: 'drop' },
    copy: { tableJobs: 64 },
    ddl: 'pause',
    ignoreWarnings: ['replica_identity'],
    precheck: { wait: false },
    cutover: { fence: 'readOnly', validate: 'none' },
    transferRate: null,
    reconnectWindow: '1h30m',
  })
  assert.equal(spec.reconnectWindowMs, 5_400_000)
  assert.equal(specOf({ ...BASE, ignoreWarnings: true }).ignoreWarnings, true)
})

// Columns: what is added to a right spec, and the problems.
const WRONG: [object, RegExp[]][] = [
  [{ nmae: 'x', lag: { hartbeat: '1s' } }, [/^\$\.lag\.hartbeat: an unknown key/, /^\$\.nmae: an unknown key/]],
  [{ $schema: 1 }, [/^\$\["\$schema"\]: 1 \/ the path or URL/]],
  [{ target: undefined }, [/^\$\.target: nothing/]],
  [{ target: {} }, [/^\$\.target: an object/]],
  [{ target: { env: 'A', file: 'b' } }, [/^\$\.target/]],
  [{ target: { url: 'postgres://h', pasword: {} } }, [/^\$\.target\.pasword: an unknown key/]],
  [{ target: { url: 'postgres://h', password: { env: 'a b' } } }, [/^\$\.target\.password\.env/]],
  [{ target: { url: 'http://h' } }, [/^\$\.target\.url: a text that is no connection URL/]],
  [{ target: { url: 'postgres://h?sslmode=x&service=y' } }, [/sslmode/, /service/]],
  [{ copy: { tableJobs: 65 } }, [/^\$\.copy\.tableJobs: 65 \/ a whole number from 1 to 64/]],
  [{ copy: { tableJobs: 1.5 } }, [/^\$\.copy\.tableJobs: 1\.5/]],
  [{ reconnectWindow: '12 h' }, [/^\$\.reconnectWindow: "12 h"/]],
  [{ reconnectWindow: 12 }, [/^\$\.reconnectWindow: 12/]],
  [{ lag: { heartbeat: '0s' } }, [/^\$\.lag\.heartbeat: "0s"/]],
  [{ objects: [] }, [/^\$\.objects: an empty list/]],
  [{ objects: [{ schema: 'é'.repeat(32) }] }, [/^\$\.objects\[0\]\.schema: .* 1 to 63 bytes/]],
  [{ objects: [{ schema: 'a', table: 'x'.repeat(64) }] }, [/^\$\.objects\[0\]\.table/]],
  [{ objects: [{ schema: 'a' }, { schema: 'b' }, { schema: 'a' }] }, [/^\$\.objects\[2\]: what \$\.objects\[0\] names already/]],
  [{ exclude: [{ table: 'a' }] }, [/^\$\.exclude\[0\]\.schema: nothing/]],
  [{ ignoreWarnings: ['a', 1] }, [/^\$\.ignoreWarnings\[1\]: 1/]],
  [
    { roles: { map: { a: '' }, grants: 'none' } },
    [/^\$\.roles\.map\.a: .* 1 to 63 bytes/, /^\$\.roles\.grants: "none" \/ "keep" or "drop"/],
  ],
  [
    { types: ['schema', 'full'], cutover: { fence: 'readOnly' } },
    [/^\$\.cutover\.fence: "readOnly" \/ "none", since without "incremental"/],
  ],
  [{ existing: 'drop' }, [/^\$\.existing: "drop" \/ "refuse" or "replace"/]],
]
for (const [wrong, expected] of WRONG) {
  test(`lists ${JSON.stringify(wrong).slice(0, 80)}`, () => {
    const problems = problemsOf({ ...BASE, ...wrong })
    assert.equal(problems.length, expected.length, problems.join('\n'))
    for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? '', pattern)
  })
}

test('a cutover takes a fence and each way of validation', () => {
  for (const validate of ['none', 'counts', 'checksum']) {
    const cutover = { fence: 'readOnly', validate }
    const result = validateSpec({ ...BASE, cutover })
    assert.deepEqual('spec' in result ? result.spec.cutover : result.problems, cutover)
  }
})

test('a validation has the defaults of the contract, and its own problems', () => {
  const result = validateValidation(BASE)
  const transferRate = { megabytesPerSecond: null, rowsPerSecond: null }
  const expected = { what: ['metadata', 'data'], method: 'checksum', sample: 1, tables: null, transferRate }
  assert.deepEqual('validation' in result ? result.validation : result.problems, expected)
  const wrong = validateValidation({ ...BASE, source: undefined, validation: { sample: 2, tables: [] } })
  const paths = 'problems' in wrong ? wrong.problems.map(({ path }) => path) : []
  assert.deepEqual(paths, ['$.source', '$.validation.sample', '$.validation.tables'])
})

test('names and columns on the target may be given', () => {
  const objects = [
    { schema: 'app', as: 'sales' },
    { schema: 'sales', as: 'app' },
    { schema: 'app', table: 'a', as: 'b' },
    { schema: 'app', table: 'b', as: 'a', columns: ['id', { name: 'v', as: 'w' }, { name: 'w', as: 'v' }] },
  ]
  const result = validateSpec({ ...BASE, objects })
  assert.deepEqual('spec' in result ? result.spec.objects : result.problems, objects)
})

const WRONG_MAPPING: [entry: Record<string, unknown>, problems: string[]][] = [
  [{ schema: 'a', table: 'b*', as: 'c' }, ['$.objects[0].as: "c" / no "as" for a pattern']],
  [{ schema: 'a', as: 'pgmove' }, ['$.objects[0].as: "pgmove" / a schema other than pgmove, pg_… and information_schema']],
  [{ schema: 'a', as: 'pg_x' }, ['$.objects[0].as: "pg_x" / a schema other than pgmove, pg_… and information_schema']],
  [{ schema: 'a', table: 'b', as: 'x'.repeat(64) }, [`$.objects[0].as: "${'x'.repeat(59)}…" / a name of 1 to 63 bytes`]],
  [{ schema: 'a', table: 'b', as: 'x\ud800' }, ['$.objects[0].as: "x\\ud800" / a name of 1 to 63 bytes']],
  [{ schema: 'a', columns: ['b'] }, ['$.objects[0].columns: a list / "columns" only with "table"']],
  [
    { schema: 'a', table: 'b', columns: ['c', 'd', 'c'] },
    ['$.objects[0].columns[2]: the column of $.objects[0].columns[0] again / each column once'],
  ],
  [
    { schema: 'a', table: 'b', columns: ['c', { name: 'd', as: 'c' }] },
    ['$.objects[0].columns[1]: the name that $.objects[0].columns[0] is mapped to / a name of its own for each column'],
  ],
  [
    { schema: 'a', table: 'b', columns: [{ name: 'd', as: 'ctid' }] },
    ['$.objects[0].columns[0].as: "ctid" / a name that is no system column'],
  ],
]
for (const [entry, expected] of WRONG_MAPPING) {
  test(`a mapping that can't be: ${JSON.stringify(entry).slice(0, 80)}`, () =>
    assert.deepEqual(problemsOf({ ...BASE, objects: [entry] }), expected))
}

test('a mapped table behind a pattern that matches first is refused', () => {
  const objects = [{ schema: 'a', table: 'b*' }, { schema: 'a', table: 'bc', as: 'd' }] // prettier-ignore
  assert.deepEqual(problemsOf({ ...BASE, objects }), [
    '$.objects[1]: a table that the pattern $.objects[0] matches first / the single table before the pattern',
  ])
})

test('two objects mapped to one name are listed', () => {
  const objects = [{ schema: 'a', as: 'x' }, { schema: 'b', as: 'x' }, { schema: 'c', table: 'd', as: 'z' }, { schema: 'c', table: 'z' }] // prettier-ignore
  const problems = problemsOf({ ...BASE, objects }).filter((problem) => problem.includes('mapped'))
  assert.deepEqual(
    problems.map((problem) => problem.split(' / ')[0]),
    ['$.objects[1]: the name that $.objects[0] is mapped to', '$.objects[3]: the name that $.objects[2] is mapped to'],
  )
})

test('an inline password is refused in every place and never repeated', () => {
  const secret = 's3cret'
  const connections = [
    { url: `postgres://u:${secret}@h/d` },
    { url: `postgres://u@h/d?password=${secret}` },
    { url: `postgres://u:${secret}/x@h/d` },
    { url: `postgres://u@h/d?${secret}@x` },
    { url: `u:${secret}@h` },
    { url: 'postgres://u@h', password: secret },
    { url: 'postgres://u@h', password: { value: secret } },
    { url: 'postgres://u@h', password: { env: `${secret} ` } },
    { url: 'postgres://u@h', [`postgres://u:${secret}@h`]: 1 },
    { env: `postgres://u:${secret}@h` },
    { file: `postgres://u:${secret}@h` },
    `postgres://u:${secret}@h`,
    [`postgres://u:${secret}@h`],
  ]
  for (const source of connections) {
    const problems = problemsOf({ ...BASE, source })
    assert.ok(problems.length > 0, JSON.stringify(source))
    assert.ok(!problems.join('\n').includes(secret), problems.join('\n'))
  }
  assert.match(problemsOf({ ...BASE, source: connections[0] }).join(), /\$\.source\.url: a password inside the URL/)
  assert.match(problemsOf({ ...BASE, source: connections[1] }).join(), /\$\.source\.url: a password inside the URL/)
})

test('anything at all gives a result, never an exception', () => {
  fc.assert(
    fc.property(fc.anything({ maxDepth: 3 }), fc.constantFrom(...Object.keys(specOf(BASE)), 'reconnectWindow'), (value, key) => {
      validateSpec(value)
      validateSpec({ ...BASE, [key]: value })
    }),
  )
})

test('the message stays under 3.5 KB and says how many problems it leaves out', () => {
  const objects = Array.from({ length: 300 }, (_, index) => ({ schema: 'ü'.repeat(40 + index) }))
  const result = validateSpec({ ...BASE, objects })
  assert.ok('problems' in result && result.problems.length === 300)
  const message = invalidSpecMessage(result.problems)
  assert.ok(Buffer.byteLength(message) <= 3500)
  assert.match(message, /^The spec has 300 problems.*\n\$\.objects\[0\]/)
  assert.match(message, /\n… and \d+ more$/)
  assert.equal(invalidSpecMessage(result.problems.slice(0, 1)).split('\n').length, 2)
})

test('bytes in UTF-8', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(utf8Length(text), Buffer.byteLength(text))))
})

test('durations', () => {
  const right = {
    '12h': 43_200_000,
    '10s': 10_000,
    '90m': 5_400_000,
    '1h30m': 5_400_000,
    '500ms': 500,
    '1m500ms': 60_500,
    '2d': 172_800_000,
  }
  for (const [text, ms] of Object.entries(right)) assert.equal(parseDuration(text), ms, text)
  for (const text of ['', '12', 'h', '1.5h', '-1s', '1s1m', '1 s', '10S', '1h1h', ' 1s']) assert.equal(parseDuration(text), undefined, text)
})

test('the argument of cutover', () => {
  assert.deepEqual(validateCutoverArgument(undefined), { fence: 'none' })
  assert.deepEqual(validateCutoverArgument(null, 'readOnly'), { fence: 'readOnly' })
  assert.deepEqual(validateCutoverArgument({}), { fence: 'none' })
  assert.deepEqual(validateCutoverArgument({ fence: 'none' }), { fence: 'none' })
  assert.deepEqual(validateCutoverArgument({ fence: 'readOnly' }), { fence: 'readOnly' })
  for (const argument of [{ fence: 'read only' }, { fence: 1 }, { fense: 'none' }, 'none', [], 5]) {
    assert.ok('problem' in validateCutoverArgument(argument), JSON.stringify(argument))
  }
})

test('the JSON Schema in the package is that of the definition', () => {
  const file = new URL(`../../${JSON_SCHEMA_FILE}`, import.meta.url)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(jsonSchema())))
})
