import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { copyFormat } from '../../src/copy/copy-format.ts'
import { copiedColumns } from '../../src/copy/table-columns.ts'
import { isFlushed } from '../../src/copy/wait-durable.ts'
import { GROUP_LIMITS, workGroups } from '../../src/copy/work-groups.ts'

const size = fc.bigInt({ min: 0n, max: 1n << 40n })

test('every table is in exactly one work group', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bytes: fc.oneof(size, fc.bigInt({ min: 0n, max: 1n << 20n })) }), { maxLength: 1000 }), (tables) => {
      const groups = workGroups(tables)
      assert.equal(new Set(groups.flat()).size, tables.length)
      assert.equal(groups.flat().length, tables.length)
      assert.ok(groups.length <= 4 * GROUP_LIMITS.share)
    }),
  )
})

test('a big table is alone, small ones are packed', () => {
  const mebibyte = 1024n * 1024n
  const big = { bytes: 64n * mebibyte }
  const small = Array.from({ length: 450 }, () => ({ bytes: 8192n }))
  assert.deepEqual(
    workGroups([...small, big]).map((group) => group.length),
    [1, 200, 200, 50],
  )
  assert.deepEqual(
    workGroups([{ bytes: 40n * mebibyte }, { bytes: 30n * mebibyte }, { bytes: 20n * mebibyte }]).map((group) => group.length),
    [1, 2],
  )
})

test('ten thousand big tables make no ten thousand groups', () => {
  const tables = Array.from({ length: 10_000 }, () => ({ bytes: 1n << 30n }))
  assert.ok(workGroups(tables).length <= 300)
})

test('WAL up to a page boundary counts as flushed', () => {
  assert.ok(isFlushed(100n, 100n))
  assert.ok(!isFlushed(99n, 100n))
  assert.ok(isFlushed(8192n, 8192n + 24n))
  assert.ok(isFlushed(8192n, 8192n + 40n))
  assert.ok(!isFlushed(8192n, 8192n + 41n))
  assert.ok(!isFlushed(8191n, 8192n + 24n))
})

const shape = (...columns: [string, Partial<{ type: string; generated: boolean; optional: boolean }>?][]) => ({
  oid: '1',
  kind: 'r',
  columns: columns.map(([name, more]) => ({ name, type: 'integer', generated: false, optional: false, ...more })),
})

test('columns are copied in the order of the source, without generated ones', () => {
  const source = shape(['b'], ['sum', { generated: true }], ['a'])
  const target = shape(['a'], ['sum', { generated: true }], ['extra', { optional: true }], ['b'])
  const pairs = copiedColumns('t', source, target, 'SchemaMismatch').map((column) => [column.source, column.target])
  assert.deepEqual(pairs, [
    ['b', 'b'],
    ['a', 'a'],
  ])
})

test('columns that the other side lacks are refused', () => {
  const kind = { name: 'MigrationError', kind: 'UnsupportedDdl' }
  assert.throws(() => copiedColumns('t', shape(['a'], ['new']), shape(['a']), 'UnsupportedDdl'), kind)
  assert.throws(() => copiedColumns('t', shape(['a']), shape(['a'], ['must']), 'UnsupportedDdl'), kind)
  assert.throws(() => copiedColumns('t', shape(['a']), shape(['a', { generated: true }]), 'UnsupportedDdl'), kind)
  assert.throws(() => copiedColumns('t', shape(['a', { generated: true }]), shape(['a']), 'UnsupportedDdl'), kind)
})

test('chosen columns go under their names on the target', () => {
  const names = new Map([
    ['b', 'a'],
    ['a', 'z'],
  ])
  const source = shape(['b', { type: 'text' }], ['left out'], ['a'])
  const target = shape(['z', { type: 'bigint' }], ['a', { type: 'text' }])
  assert.deepEqual(copiedColumns('t', source, target, 'SchemaMismatch', names), [
    { source: 'b', target: 'a', sourceType: 'text', targetType: 'text' },
    { source: 'a', target: 'z', sourceType: 'integer', targetType: 'bigint' },
  ])
  assert.throws(() => copiedColumns('t', shape(['b']), target, 'SchemaMismatch', names), /"a" is missing on the source/)
})

test('binary only where every type is the same on both sides and in all versions', () => {
  const versions = { source: 130000, target: 170000 }
  const format = (...types: [string, string?][]) =>
    copyFormat(
      types.map(([sourceType, targetType]) => ({ sourceType, targetType: targetType ?? sourceType })),
      versions,
    )
  assert.equal(
    format(['integer'], ['character varying(20)'], ['numeric(10,2)'], ['timestamp(3) with time zone'], ['character(5)']),
    'binary',
  )
  for (const type of [
    'integer[]',
    'public.mood',
    'json',
    'xml',
    'point',
    'interval',
    'inet',
    'public.text',
    '"char"',
    'time with time zone',
  ]) {
    assert.equal(format(['integer'], [type]), 'text', type)
  }
  assert.equal(format(['integer', 'bigint']), 'text')
  assert.equal(format(['character varying(20)', 'character varying(30)']), 'text')
  assert.equal(format(), 'text')
  const numeric = [{ sourceType: 'numeric', targetType: 'numeric' }]
  assert.equal(copyFormat(numeric, { source: 140000, target: 130000 }), 'text')
  assert.equal(copyFormat(numeric, { source: 140000, target: 140000 }), 'binary')
})
