import assert from 'node:assert/strict'
import test from 'node:test'
import { connectionOf } from '../../src/cli/init/connection-of.ts'
import { proposedSpec } from '../../src/cli/init/proposed-spec.ts'
import type { SourceFacts, SourceTable } from '../../src/cli/init/proposed-spec.ts'
import { validateSpec } from '../../src/spec/validate-spec.ts'

const PARTS = { name: 'shop', source: { env: 'SHOP_SOURCE_URL' }, target: { env: 'SHOP_TARGET_URL' }, schema: './x.json' }
const table = (changes: Partial<SourceTable> = {}): SourceTable => ({
  name: 'public.orders',
  bytes: '1000',
  rows: '10',
  streamed: true,
  usableIdentity: true,
  virtualColumn: false,
  ...changes,
})
const FACTS: SourceFacts = {
  database: 'shop',
  version: '13.23',
  service: undefined,
  superuser: true,
  standby: false,
  walLevel: 'logical',
  walLevelFix: 'Run "alter system".',
  tables: [table()],
}

test('passwords stay out of the spec, wherever a URL has them', () => {
  const reference = { password: { env: 'SHOP_SOURCE_PASSWORD' } }
  for (const [url, expected] of [
    ['postgres://m:s%40e:c@h:5432/shop?sslmode=require', 'postgres://m@h:5432/shop?sslmode=require'],
    ['postgres://m@h/shop?password=sec&sslmode=require', 'postgres://m@h/shop?sslmode=require'],
    ['postgresql://h/shop?sslmode=require&password=sec', 'postgresql://h/shop?sslmode=require'],
    ['postgres://:sec@h/shop?password=other', 'postgres://@h/shop'],
  ] as const) {
    const { connection, password } = connectionOf('--source', url, 'SHOP_SOURCE_PASSWORD')
    assert.deepEqual(connection, { url: expected, ...reference })
    assert.ok(password)
    assert.ok('spec' in validateSpec({ source: connection, target: PARTS.target }))
  }
})

test('references and URLs without a password stand as they are', () => {
  assert.deepEqual(connectionOf('--source', 'env:A', 'V'), { connection: { env: 'A' }, password: undefined })
  assert.deepEqual(connectionOf('--source', 'file:/a', 'V'), { connection: { file: '/a' }, password: undefined })
  assert.deepEqual(connectionOf('--source', 'postgres://h/d', 'V'), { connection: { url: 'postgres://h/d' }, password: undefined })
})

test('a wrong URL is refused without being repeated', () => {
  assert.throws(
    () => connectionOf('--source', 'mysql://u:geheim@h/d', 'V'),
    (error: Error) => !error.message.includes('geheim') && /--source/.test(error.message),
  )
})

test('a small source with keys gets all types, and nothing to worry about', () => {
  const { document, found, notes } = proposedSpec(PARTS, FACTS)
  const types = ['schema', 'full', 'incremental']
  assert.deepEqual(document, { $schema: './x.json', name: 'shop', source: PARTS.source, target: PARTS.target, types })
  assert.deepEqual(found, [
    'The source is PostgreSQL 13.23, database shop: 1 table, 1.0 kB without indexes.',
    'Largest:',
    '  public.orders: 1.0 kB, about 10 rows',
  ])
  assert.deepEqual(notes, [])
})

test('without logical decoding, or on a standby, there is no incremental replication, and it says what is to be done', () => {
  const replica = proposedSpec(PARTS, { ...FACTS, walLevel: 'replica' })
  assert.deepEqual(replica.document.types, ['schema', 'full'])
  assert.match(replica.notes.join('\n'), /^wal_level is replica.*Run "alter system"\. Then add "incremental"/)
  assert.match(proposedSpec(PARTS, { ...FACTS, standby: true }).notes.join('\n'), /^The source is a standby/)
})

test('tables without a key are named, those that can not be streamed apart', () => {
  const tables = [
    table({ name: 'public.journal', usableIdentity: false }),
    table({ name: 'public.v', usableIdentity: false, virtualColumn: true }),
    table({ name: 'public.u', usableIdentity: false, streamed: false }),
  ]
  const { notes } = proposedSpec(PARTS, { ...FACTS, tables })
  assert.match(notes[0] ?? '', /virtual generated column: public\.v\./)
  assert.match(notes[1] ?? '', /names its row: public\.journal\..*"ignoreWarnings": \["replica_identity"\]/)
  assert.equal(notes.length, 2)
})

test('a large source gets more jobs, a role without rights no DDL capture', () => {
  const { document, notes } = proposedSpec(PARTS, { ...FACTS, superuser: false, tables: [table({ bytes: '200000000000' })] })
  assert.deepEqual([document.copy, document.ddl, notes.length], [{ tableJobs: 8, indexJobs: 4 }, 'pause', 2])
  assert.ok('spec' in validateSpec(document))
})
