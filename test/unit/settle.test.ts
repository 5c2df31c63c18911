import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { HashedRow } from '../../src/validate/data/read-rows.ts'
import { settle } from '../../src/validate/data/settle.ts'

const KEYS = ['a', 'b', 'c', 'd']

/** A source whose commits become visible there only later, and a target to which they are applied in order, at any time from the commit on. */
class Pair {
  readonly #source = new Map<string, HashedRow>()
  readonly #target = new Map<string, HashedRow>()
  /** Committed transactions of one change each; those before `#shown` are visible on the source, those before `#applied` on the target. */
  readonly #log: { readonly key: string; readonly row: HashedRow | undefined }[] = []
  #shown = 0
  #applied = 0
  #versions = 0

  constructor(planted: readonly string[]) {
    for (const key of KEYS) {
      this.#source.set(key, { hash: key, version: this.#next() })
      this.#target.set(key, { hash: planted.includes(key) ? `not ${key}` : key, version: this.#next() })
    }
  }

  #next(): string {
    return String(++this.#versions)
  }

  /** Commits, shows or applies, as the numbers say. */
  move(steps: readonly number[]): void {
    for (const step of steps) {
      if (step % 3 === 0)
        this.#log.push({ key: KEYS[step % 2] ?? 'a', row: step % 5 < 2 ? undefined : { hash: `h${step % 2}`, version: '' } })
      else if (step % 3 === 1) this.#show()
      else this.#apply()
    }
  }

  #show(): void {
    const change = this.#log[this.#shown]
    if (change) set(this.#source, change.key, change.row, this.#next())
    if (change) this.#shown++
  }

  #apply(): void {
    const change = this.#log[this.#applied]
    if (change) set(this.#target, change.key, change.row, this.#next())
    if (change) this.#applied++
  }

  read(side: 'source' | 'target', keys: readonly string[]): Map<string, HashedRow> {
    const rows = side === 'source' ? this.#source : this.#target
    return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key) as HashedRow] as const] : [])))
  }

  catchUp(): void {
    while (this.#applied < this.#shown) this.#apply()
  }

  showAll(): void {
    while (this.#shown < this.#log.length) this.#show()
  }
}

function set(rows: Map<string, HashedRow>, key: string, row: HashedRow | undefined, version: string): void {
  if (row) rows.set(key, { hash: row.hash, version })
  else rows.delete(key)
}

test('only planted differences are found, however commits, their visibility and their application interleave', async () => {
  const moves = fc.array(fc.array(fc.nat(29), { maxLength: 6 }), { minLength: 60, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(moves, fc.subarray(['c', 'd']), async (steps, planted) => {
      const pair = new Pair(planted)
      let at = 0
      const between = (): void => pair.move(steps[at++] ?? [])
      const read = (side: 'source' | 'target') => async (keys: readonly string[]) => {
        between()
        return pair.read(side, keys)
      }
      const { differences } = await settle({
        keys: KEYS,
        readSource: read('source'),
        readTarget: read('target'),
        caughtUp: async () => {
          between()
          pair.catchUp()
        },
        openTransactionsEnded: async () => {
          between()
          pair.showAll()
          return true
        },
        pauseMs: 0,
        signal: new AbortController().signal,
      })
      // c and d are never written, so they are decided; a and b never differ but for what is under way.
      assert.deepEqual(differences.map(({ key }) => key).sort(), [...planted].sort())
    }),
    { numRuns: 300 },
  )
})
