import assert from 'node:assert/strict'
import test from 'node:test'
import { publishedTables } from '../../src/source/publication.ts'
import { restoreStatement } from '../../src/source/replica-identity.ts'
import type { SelectedTable } from '../../src/source/selected-tables.ts'
import { findSwitchPoint } from '../../src/source/source-identity.ts'

function table(name: string, more: Partial<SelectedTable> = {}): SelectedTable {
  return {
    oid: '1', schema: 'public', name, kind: 'r', persistence: 'p', columns: [], identity: 'd', usableIdentity: true,
    generatedKey: false, keyLeftOut: false, estimatedRows: '0', bytes: '0', ...more,
  } // prettier-ignore
}

test('partitioned tables are published by their root from 13 on, by their partitions before', () => {
  const root = { schema: 'public', name: 'root' }
  const tables = [
    table('plain'),
    table('fleeting', { persistence: 'u' }),
    table('root', { kind: 'p' }),
    table('branch', { kind: 'p', partitionOf: root, root }),
    table('leaf', { partitionOf: { schema: 'public', name: 'branch' }, root }),
  ]
  assert.deepEqual(
    publishedTables(130000, tables).map(({ name }) => name),
    ['plain', 'root'],
  )
  assert.deepEqual(
    publishedTables(120000, tables).map(({ name }) => name),
    ['plain', 'leaf'],
  )
})

test('a replica identity is restored to what it was', () => {
  assert.equal(restoreStatement('"s"."t"', { previous: 'd' }), 'alter table only "s"."t" replica identity default')
  assert.equal(restoreStatement('"s"."t"', { previous: 'n' }), 'alter table only "s"."t" replica identity nothing')
  assert.equal(restoreStatement('"s"."t"', { previous: 'i "x y"' }), 'alter table only "s"."t" replica identity using index "x y"')
})

test('the switch point is found in a timeline history', () => {
  const history = '# a comment\n1\t0/3000158\tno recovery target specified\n\n2\t0/5000000\tbefore 2000-01-01\n'
  assert.equal(findSwitchPoint(history, 1), 0x3000158n)
  assert.equal(findSwitchPoint(history, 2), 0x5000000n)
  assert.equal(findSwitchPoint(history, 3), undefined)
})
