import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ChangeSteps, runsOf } from '../../src/replication/change-steps.ts'
import type { Groupable } from '../../src/replication/change-steps.ts'
import type { Remains } from '../../src/replication/net-effect.ts'
import { Tuple, UNCHANGED } from '../../src/replication/tuple.ts'
import type { TupleValue } from '../../src/replication/tuple.ts'

/** A schema: the first `keyColumns` columns are the key, the others may be left unchanged. */
interface Shape {
  readonly columns: number
  readonly keyColumns: number
  /** Whether a change of the key may be reduced. */
  readonly movable: boolean
}

type Row = readonly (string | null)[]
type Table = Map<string, Row>

const keyOf = ({ keyColumns }: Shape, row: Row): string => JSON.stringify(row.slice(0, keyColumns))
const tuple = (row: readonly (string | null | typeof UNCHANGED)[]): Tuple =>
  Tuple.of(row.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)))
const plain = (value: TupleValue | undefined, before: string | null | undefined): string | null =>
  value === UNCHANGED ? (before ?? null) : Buffer.isBuffer(value) ? value.toString() : null

/** One change, as PostgreSQL would do it: throws where it would refuse it or find no row. */
function applyOne(shape: Shape, table: Table, { operation, old, row }: Groupable): void {
  const oldKey =
    operation === 'insert'
      ? undefined
      : keyOf(
          shape,
          old.values().map((value) => plain(value, null)),
        )
  const before = oldKey === undefined ? undefined : table.get(oldKey)
  if (oldKey !== undefined) {
    assert.ok(before, 'a row that is not there')
    table.delete(oldKey)
  }
  if (operation === 'delete') return
  const after = row.values().map((value, i) => plain(value, before?.[i]))
  assert.ok(!table.has(keyOf(shape, after)), 'a row that is there')
  table.set(keyOf(shape, after), after)
}

/** Each list at once, as one statement does it. */
function applyRemains(shape: Shape, table: Table, { absent, deletes, updates, inserts }: Remains): void {
  const key = (found: Tuple): string =>
    keyOf(
      shape,
      found.values().map((value) => plain(value, null)),
    )
  const named = [...absent, ...deletes, ...updates.old].map(key)
  assert.equal(new Set(named).size, named.length, 'a row that comes twice')
  for (const found of absent) assert.ok(!table.has(key(found)), 'a row that should be absent')
  for (const found of deletes) assert.ok(table.delete(key(found)), 'a row to delete that is not there')
  assert.equal(updates.old.length, updates.rows.length)
  for (const [i, row] of updates.rows.entries()) {
    const old = updates.old[i]!
    const before = table.get(key(old))
    assert.ok(before, 'a row to update that is not there')
    const after = row.values().map((value, i) => plain(value, before[i]))
    assert.equal(keyOf(shape, after), key(old), 'an update that changes the key')
    table.set(key(old), after)
  }
  for (const row of inserts) {
    assert.ok(row.whole, 'an insert of an unknown value')
    assert.ok(!table.has(key(row)), 'an insert of a row that is there')
    table.set(
      key(row),
      row.values().map((value) => plain(value, null)),
    )
  }
}

interface Choice {
  readonly what: number
  readonly at: number
  readonly key: number
  readonly value: number
  readonly unchanged: number
}

/** Turns random numbers into changes that the source could have made, starting with `table`. */
function validChanges(shape: Shape, table: Table, choices: readonly Choice[]): Groupable[] {
  const changes: Groupable[] = []
  for (const { what, at, key, value, unchanged } of choices) {
    const rows = [...table.values()]
    const found = rows[at % Math.max(1, rows.length)]
    const fresh: Row = Array.from({ length: shape.columns }, (_, i) =>
      i < shape.keyColumns ? String((key >> i) % 4) : value % 5 === 0 ? null : `${value}${i}`,
    )
    const base = { shape: 'x', key: null, newKey: null }
    let change: Groupable | undefined
    if (what < 3 || !found) {
      if (table.has(keyOf(shape, fresh))) continue
      change = { ...base, operation: 'insert', reducible: true, rowKey: keyOf(shape, fresh), old: Tuple.EMPTY, row: tuple(fresh) }
    } else if (what < 5) {
      const old = found.map((v, i) => (i < shape.keyColumns ? v : null))
      change = { ...base, operation: 'delete', reducible: true, rowKey: keyOf(shape, found), old: tuple(old), row: Tuple.EMPTY }
    } else {
      const moves = what === 9 && !table.has(keyOf(shape, fresh))
      const row = fresh.map((v, i) => (i < shape.keyColumns ? (moves ? v! : found[i]!) : v))
      const sent = tuple(row.map((v, i) => (i >= shape.keyColumns && (unchanged >> i) % 3 === 1 ? UNCHANGED : v)))
      const old = tuple(found.map((v, i) => (i < shape.keyColumns ? v : null)))
      const newKey = moves ? keyOf(shape, row) : null
      change = { ...base, operation: 'update', reducible: !moves || shape.movable, rowKey: keyOf(shape, found), newKey, old, row: sent }
    }
    applyOne(shape, table, change)
    changes.push(change)
  }
  return changes
}

const shapes = fc
  .record({ keyColumns: fc.integer({ min: 1, max: 3 }), others: fc.nat(4), movable: fc.boolean() })
  .map(({ keyColumns, others, movable }): Shape => ({ keyColumns, columns: keyColumns + others, movable }))
const choices = fc.array(fc.record({ what: fc.nat(9), at: fc.nat(20), key: fc.nat(63), value: fc.nat(50), unchanged: fc.nat(2000) }), {
  maxLength: 60,
})
const RULES = { sameStatement: () => true, keepChanges: () => true }

test('the net effect of changes, applied at once, is what they do one by one', () => {
  let reduced = 0
  fc.assert(
    fc.property(shapes, choices, choices, fc.nat(25), (shape, before, then, piece) => {
      const table: Table = new Map()
      validChanges(shape, table, before)
      const found = new Map(table)
      const changes = validChanges(shape, table, then)
      const steps = new ChangeSteps<Groupable>(RULES)
      const flush = (): void => {
        for (const step of steps.take()) {
          if (step.kind === 'set') {
            reduced += (step.changes?.length ?? 0) - step.effect.size
            applyRemains(shape, found, step.effect.remains())
          } else for (const change of step.changes) applyOne(shape, found, change)
        }
      }
      for (const [i, change] of changes.entries()) {
        steps.add('t', change, 1)
        if (piece > 0 && i % piece === 0) flush()
      }
      flush()
      const sorted = (rows: Table) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.deepEqual(sorted(found), sorted(table))
    }),
    { numRuns: 2000 },
  )
  assert.ok(reduced > 1000, 'little was reduced')
})

const row = (...values: (string | null | typeof UNCHANGED)[]): Tuple => tuple(values)
const change = (operation: Groupable['operation'], key: string, values: Tuple, newKey: string | null = null): Groupable => {
  const old = operation === 'insert' ? Tuple.EMPTY : row(key, null)
  return { operation, reducible: true, shape: 'x', key, rowKey: key, newKey, old, row: operation === 'delete' ? Tuple.EMPTY : values }
}

function kinds(...changes: Groupable[]): string[] {
  const steps = new ChangeSteps<Groupable>(RULES)
  for (const one of changes) steps.add('t', one, 1)
  return steps.take().map((step) => {
    if (step.kind === 'run') return `run of ${step.changes.length}`
    const { absent, deletes, updates, inserts } = step.effect.remains()
    return `absent ${absent.length}, deletes ${deletes.length}, updates ${updates.rows.length}, inserts ${inserts.length}`
  })
}

test('what the net effect can not take is applied by itself, behind it', () => {
  const insert = change('insert', '1', row('1', 'a'))
  assert.deepEqual(kinds(insert, insert), ['absent 0, deletes 0, updates 0, inserts 1', 'run of 1'])
  assert.deepEqual(kinds(change('delete', '1', Tuple.EMPTY), change('update', '1', row('1', 'b'))), [
    'absent 0, deletes 1, updates 0, inserts 0',
    'run of 1',
  ])
  assert.deepEqual(kinds(insert, change('delete', '1', Tuple.EMPTY), change('delete', '1', Tuple.EMPTY)), [
    'absent 1, deletes 0, updates 0, inserts 0',
    'run of 1',
  ])
  // A key that changes while a value is unknown: the row that is there must be moved.
  assert.deepEqual(kinds(change('update', '1', row('2', UNCHANGED), '2'), change('insert', '3', row('3', 'c'))), [
    'run of 1',
    'absent 0, deletes 0, updates 0, inserts 1',
  ])
  // The same behind its insert, which holds the value.
  assert.deepEqual(kinds(insert, change('update', '1', row('2', UNCHANGED), '2')), ['absent 1, deletes 0, updates 0, inserts 1'])
  assert.deepEqual(kinds(change('update', '1', row('2', 'b'), '2'), change('update', '2', row('1', 'a'), '1')), [
    'absent 1, deletes 1, updates 0, inserts 1',
  ])
})

test("the changes of a set are there one by one, for when its rows are in each other's way", () => {
  const changes = [change('insert', '1', row('1', 'a')), change('update', '1', row('1', 'b')), change('delete', '2', Tuple.EMPTY)]
  const steps = new ChangeSteps<Groupable>(RULES)
  for (const one of changes) steps.add('t', one, 1)
  const [set] = steps.take()
  assert.ok(set?.kind === 'set')
  const runs = runsOf(set.changes ?? [], RULES)
  assert.deepEqual(
    runs.map((run) => run.changes.map(({ operation }) => operation)),
    [['insert'], ['update'], ['delete']],
  )
})
