import assert from 'node:assert/strict'
import test from 'node:test'
import { nameMapOf } from '../../src/mapping/name-map-of.ts'
import type { MappableRelation } from '../../src/mapping/name-map-of.ts'

const relation = (schema: string, name: string, columns: string[], more: Partial<MappableRelation> = {}): MappableRelation => ({
  schema,
  name,
  columns,
  parents: [],
  partition: false,
  ...more,
})
const under = (...names: string[]) => names.map((name) => ({ schema: 'app', name }))

test('schemas, tables and columns get their names; what no entry renames keeps its own', () => {
  const objects = [
    { schema: 'app', as: 'sales' },
    { schema: 'app', table: 'users', as: 'clients', columns: ['mail', { name: 'id', as: 'no' }] },
    { schema: 'crm', table: 'visits' },
  ]
  const map = nameMapOf({ objects }, [
    relation('app', 'users', ['id', 'secret', 'mail']),
    relation('app', 'orders', ['id']),
    relation('crm', 'visits', ['id']),
  ])
  assert.deepEqual(map.data, {
    schemas: [['app', 'sales']],
    tables: [{ schema: 'app', name: 'users', as: 'clients', columns: [['id', 'no'], ['mail', 'mail']] }],
  }) // prettier-ignore
  assert.deepEqual(map.relation({ schema: 'app', name: 'orders' }), { schema: 'sales', name: 'orders' })
  assert.deepEqual(map.relation({ schema: 'app', name: 'users' }), { schema: 'sales', name: 'clients' })
  assert.equal(map.column({ schema: 'app', name: 'users' }, 'secret'), undefined)
  assert.equal(map.touches({ schema: 'crm', name: 'visits' }), false)
})

test('the first entry that matches decides, and an escaped star is a name', () => {
  const objects = [{ schema: 'app', table: 'u*', columns: ['id'] }, { schema: 'app', table: 'users', as: 'x' }, { schema: 'app', table: '\\*', as: 'star' }] // prettier-ignore
  const map = nameMapOf({ objects }, [relation('app', 'users', ['id', 'mail']), relation('app', '*', ['id'])])
  assert.deepEqual(map.relation({ schema: 'app', name: 'users' }), { schema: 'app', name: 'users' })
  assert.deepEqual([...(map.columns({ schema: 'app', name: 'users' }) ?? [])], [['id', 'id']])
  assert.deepEqual(map.relation({ schema: 'app', name: '*' }), { schema: 'app', name: 'star' })
})

test("a partition takes its root's columns in its own order, and keeps its name whatever entry matches it", () => {
  const objects = [{ schema: 'app', table: 'events', as: 'log', columns: [{ name: 'at', as: 'moment' }, 'id'] }, { schema: 'app', table: 'events_1', as: 'first' }] // prettier-ignore
  const map = nameMapOf({ objects }, [
    relation('app', 'events_1_a', ['junk', 'at', 'id'], { partition: true, parents: under('events_1') }),
    relation('app', 'events_1', ['at', 'id', 'junk'], { partition: true, parents: under('events') }),
    relation('app', 'events', ['id', 'junk', 'at']),
  ])
  assert.deepEqual(map.relation({ schema: 'app', name: 'events_1' }), { schema: 'app', name: 'events_1' })
  assert.deepEqual([...(map.columns({ schema: 'app', name: 'events_1_a' }) ?? [])], [['at', 'moment'], ['id', 'id']]) // prettier-ignore
})

test('a table that inherits follows the new names of inherited columns only', () => {
  const objects = [{ schema: 'app' }, { schema: 'app', table: 'base', columns: [{ name: 'id', as: 'no' }, 'note'] }] // prettier-ignore
  const map = nameMapOf({ objects }, [
    relation('app', 'base', ['id', 'note']),
    relation('app', 'child', ['id', 'note', 'more'], { parents: under('base') }),
  ])
  assert.deepEqual([...(map.columns({ schema: 'app', name: 'child' }) ?? [])], [['id', 'no'], ['note', 'note'], ['more', 'more']]) // prettier-ignore
})
