import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ChangeSteps } from '../../src/replication/change-steps.ts'
import type { ChangeStep, Groupable } from '../../src/replication/change-steps.ts'
import { Tuple } from '../../src/replication/tuple.ts'

interface Change extends Groupable {
  readonly table: string
  readonly id: string
  readonly to: string
  readonly value: number
}
const RULES = { sameStatement: () => true, keepChanges: () => false }
/** What only the net effect looks at. */
const PLAIN = { reducible: false, rowKey: '', newKey: null, old: Tuple.EMPTY, row: Tuple.EMPTY }

function changesOf<C extends Groupable>(steps: readonly ChangeStep<C>[]): C[][] {
  return steps.map((step) => (step.kind === 'run' ? step.changes : assert.fail('a set')))
}

type Tables = Map<string, Map<string, number>>

const rowsOf = (tables: Tables, table: string): Map<string, number> => {
  const rows = tables.get(table) ?? new Map<string, number>()
  tables.set(table, rows)
  return rows
}

/** Applies changes as one statement does: all are read from the table as it was before. */
function applyTogether(tables: Tables, changes: readonly Change[]): void {
  const [first] = changes
  if (!first) return
  const rows = rowsOf(tables, first.table)
  const before = new Map(rows)
  for (const { operation, id: row, to, value, table } of changes) {
    assert.equal(table, first.table)
    assert.equal(operation, first.operation)
    if (operation === 'insert') {
      assert.ok(!rows.has(row), 'an insert that conflicts')
      rows.set(row, value)
    } else {
      assert.ok(before.has(row), 'a row that is not there')
      rows.delete(row)
      if (operation === 'update') {
        assert.ok(!rows.has(to), 'an update that conflicts')
        rows.set(to, before.get(row)! * 31 + value)
      }
    }
  }
}

/** Turns random numbers into changes that are valid one after another. */
function validChanges(choices: readonly { table: number; what: number; row: number; to: number; value: number }[]): Change[] {
  const tables: Tables = new Map()
  return choices.flatMap(({ table: t, what, row: r, to: newRow, value }) => {
    const table = `t${t}`
    const rows = rowsOf(tables, table)
    const row = String(r)
    const moves = what === 0 && !rows.has(String(newRow))
    const operation = !rows.has(row) ? 'insert' : what < 4 ? 'update' : 'delete'
    const to = operation === 'update' && moves ? String(newRow) : row
    const shape = operation === 'update' ? `update ${to === row ? value % 2 : 'moved'}` : operation
    const change: Change = { ...PLAIN, table, operation, id: row, to, value, shape, key: operation === 'update' && to !== row ? null : row }
    applyTogether(tables, [change])
    return [change]
  })
}

test('runs applied one after another do what their changes do one by one', () => {
  const choice = fc.record({
    table: fc.nat(2),
    what: fc.nat(5),
    row: fc.nat(6),
    to: fc.nat(6),
    value: fc.nat(100),
  })
  fc.assert(
    fc.property(fc.array(choice, { maxLength: 80 }), fc.nat(20), (choices, pieces) => {
      const changes = validChanges(choices)
      const expected: Tables = new Map()
      for (const change of changes) applyTogether(expected, [change])

      const found: Tables = new Map()
      const runs = new ChangeSteps<Change>(RULES)
      const flush = (): void => {
        for (const run of changesOf(runs.take())) applyTogether(found, run)
      }
      for (const [i, change] of changes.entries()) {
        runs.add(change.table, change, 1)
        if (pieces > 0 && i % pieces === 0) flush()
      }
      flush()
      assert.deepEqual(nonEmpty(found), nonEmpty(expected))
    }),
    { numRuns: 500 },
  )
})

function nonEmpty(tables: Tables): Map<string, Map<string, number>> {
  return new Map([...tables].filter(([, rows]) => rows.size > 0).sort(([a], [b]) => a.localeCompare(b)))
}

test('a run ends where the statement changes, a row comes again, or a change must stand alone', () => {
  const runs = new ChangeSteps<Groupable>(RULES)
  const add = (table: string, operation: Groupable['operation'], key: string | null, shape: string = operation): void =>
    runs.add(table, { ...PLAIN, operation, key, shape }, 10)
  add('a', 'insert', '')
  add('b', 'update', '1')
  add('a', 'insert', '')
  add('b', 'update', '2')
  add('b', 'update', '1')
  add('b', 'update', null)
  add('b', 'update', null)
  add('b', 'update', '3')
  add('b', 'update', '4', 'other columns')
  add('b', 'delete', '4')
  add('b', 'delete', '5')
  assert.equal(runs.changes, 11)
  assert.equal(runs.bytes, 110)
  assert.deepEqual(
    changesOf(runs.take()).map((changes) => changes.map(({ operation, key }) => `${operation[0]}${key}`).join(' ')),
    ['i i', 'u1 u2', 'u1', 'unull', 'unull', 'u3', 'u4', 'd4 d5'],
  )
  assert.equal(runs.changes, 0)
  assert.equal(runs.bytes, 0)
  assert.deepEqual(runs.take(), [])
})

test('changes of another version of the table do not join a run', () => {
  const runs = new ChangeSteps<Groupable & { version: number }>({ ...RULES, sameStatement: (a, b) => a.version === b.version })
  for (const version of [1, 1, 2]) runs.add('a', { ...PLAIN, operation: 'insert', key: '', shape: 'insert', version }, 1)
  assert.deepEqual(
    changesOf(runs.take()).map((changes) => changes.length),
    [2, 1],
  )
})
