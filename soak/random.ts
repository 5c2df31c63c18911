import { createHash } from 'node:crypto'

/** Repeatable random numbers: the same seed gives the same ones, on every machine. */
export interface Random {
  /** A number from `least` to below `most`. */
  between(least: number, most: number): number
  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]]): T
  /** The items in another order. */
  shuffled<T>(items: readonly T[]): T[]
}

/** Mulberry32, begun at a hash of the seed: any text is a good one. */
export function seededRandom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    between: (least, most) => least + next() * (most - least),
    pick: (items) => items[below(items.length)] ?? items[0],
    shuffled: (items) => {
      const left = [...items]
      return items.map(() => left.splice(below(left.length), 1)[0] as (typeof left)[number])
    },
  }
}
