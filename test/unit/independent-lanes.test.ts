import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { independentLanes } from '../../src/schema/independent-lanes.ts'
import type { StoredEntry } from '../../src/schema/stored-entry.ts'

function entry(dumpId: number, kind: string, dependencies: readonly number[]): StoredEntry {
  const plain = { stage: 'definition', schema: 's', name: `o${dumpId}`, table: null, definition: '', skipped: null } as const
  return { ordinal: dumpId, dumpId, kind, dependencies, ...plain }
}

test('every entry comes once, after what it needs, and never beside it', () => {
  const kinds = fc.constantFrom('TABLE', 'TABLE', 'TABLE', 'SEQUENCE', 'SEQUENCE OWNED BY', 'DEFAULT', 'VIEW', 'COMMENT')
  const archive = fc
    .array(fc.tuple(kinds, fc.array(fc.nat(40), { maxLength: 2 })))
    .map((list) => list.map(([kind, needs], at) => entry(at, kind, needs.filter((id) => id < at)))) // prettier-ignore
  fc.assert(
    fc.property(archive, fc.integer({ min: 1, max: 4 }), (entries, jobs) => {
      const done = new Set<number>()
      for (const run of independentLanes(entries, jobs, 2)) {
        const lanes = 'serial' in run ? [run.serial] : run.lanes
        assert.ok(lanes.length <= jobs)
        for (const lane of lanes) {
          const seen = new Set(done)
          for (const { dumpId, dependencies } of lane) {
            for (const needed of dependencies) assert.ok(seen.has(needed), `${dumpId} before or beside ${needed}`)
            seen.add(dumpId)
          }
        }
        for (const { dumpId } of lanes.flat()) {
          assert.ok(!done.has(dumpId))
          done.add(dumpId)
        }
      }
      assert.equal(done.size, entries.length)
    }),
  )
})

test('tables with their sequences and defaults are dealt evenly; a view between them is restored by itself', () => {
  const tables = (first: number, count: number): StoredEntry[] =>
    Array.from({ length: count }, (_, i) => first + 3 * i).flatMap((id) => [
      entry(id, 'TABLE', [1]),
      entry(id + 1, 'SEQUENCE', [id]),
      entry(id + 2, 'DEFAULT', [id, id + 1]),
    ])
  const runs = independentLanes([entry(1, 'SCHEMA', []), ...tables(10, 4), entry(50, 'VIEW', [10]), ...tables(60, 4)], 2, 12)
  assert.deepEqual(
    runs.map((run) => ('serial' in run ? run.serial.map(({ kind }) => kind) : run.lanes.map(({ length }) => length))),
    [['SCHEMA'], [6, 6], ['VIEW'], [6, 6]],
  )
  assert.equal(independentLanes(tables(10, 4), 2, 13).length, 1)
  assert.ok('serial' in (independentLanes(tables(10, 4), 1, 2)[0] ?? {}))
})
