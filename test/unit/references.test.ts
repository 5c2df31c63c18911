import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { pgmove } from '../../dev/reference/command-reference.ts'
import { references, RESULT_TYPES, STATUS_TYPES } from '../../dev/reference/references.ts'
import { ENVIRONMENT } from '../../src/environment.ts'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'

test('the references are what the code says', () => {
  for (const { file, text } of references()) {
    assert.equal(readFileSync(path.join(PROJECT_FOLDER, file), 'utf8'), text, 'run: node --import tsx dev/reference/write-reference.ts')
  }
})

test('every type of the references says what it and its fields mean', () => {
  for (const { name, meaning, fields } of [...STATUS_TYPES, ...RESULT_TYPES]) {
    assert.ok(meaning !== '' && fields.length > 0, name)
    assert.deepEqual(
      fields.filter((field) => field.meaning === '' && !field.inner).map((field) => `${name}.${field.path}`),
      [],
    )
  }
})

test('every command and option of pgmove has a description and an example', () => {
  const { commands, options } = pgmove()
  assert.ok(commands.length > 10)
  for (const { flags, description } of [...options, ...commands.flatMap((command) => command.options)]) assert.ok(description, flags)
  const text = references().find(({ file }) => file.endsWith('/command.md'))?.text ?? ''
  for (const command of commands) {
    assert.match(text, new RegExp(`^## pgmove ${command.name()}$[^#]*^pgmove ${command.name()}\\b[^#]*^\`\`\`sh\n`, 'm'), command.name())
  }
})

test('the reference of the environment names every variable that the code reads, and no other', () => {
  const names = ENVIRONMENT.map(({ name }) => name)
  const src = path.join(PROJECT_FOLDER, 'src')
  const read = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.m?ts$|\.mjs$/.test(file) && file !== 'environment.ts')
    .map((file) => readFileSync(path.join(src, file), 'utf8'))
    .join('\n')
  const indexed = [...new Set([...read.matchAll(/\benv\[?\.?['"]([A-Z_]+)['"]/g)].map(([, name]) => name ?? ''))]
  assert.ok(indexed.includes('PGMOVE_CACHE') && indexed.length > 8)
  const own = [...new Set([...read.matchAll(/'(PGMOVE_[A-Z_]+)'/g)].map(([, name]) => name ?? ''))]
  assert.deepEqual(
    [...indexed, ...own].filter((name) => !names.includes(name)),
    [],
  )
  const temporal = readFileSync(path.join(PROJECT_FOLDER, 'node_modules/@temporalio/envconfig/lib/envconfig-toml.js'), 'utf8')
  for (const name of names) {
    const there = name.startsWith('TEMPORAL_') ? read + temporal : read
    assert.ok(there.includes(`'${name}'`) || there.includes(name.replace('*', '')), `nothing reads ${name}`)
  }
})
