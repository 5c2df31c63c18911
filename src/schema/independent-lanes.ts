import type { StoredEntry } from './stored-entry.ts'

/** Neighbours in the archive's order: to be restored one after another, or in lanes that need nothing of each other. */
export type EntryRun =
  | { readonly serial: readonly StoredEntry[] }
  /** Each in archive order. */
  | { readonly lanes: readonly (readonly StoredEntry[])[] }

/** Of these kinds pg_dump records every dependency that counts, and none of them touches a relation on which it does not depend. */
const APART: ReadonlySet<string> = new Set(['TABLE', 'SEQUENCE', 'SEQUENCE OWNED BY', 'DEFAULT'])
/** In a shorter run a second session gains nothing. */
const FEWEST_ENTRIES = 200

/**
 * Splits entries into runs to be restored one after another. Where many tables with what belongs to them stand side by side, they are dealt
 * to `lanes`: entries that depend on one another, directly or by others of the run, go to the same one. A run of less than `fewest` entries (default
 * 200) is not worth it.
 */
export function independentLanes(entries: readonly StoredEntry[], lanes: number, fewest = FEWEST_ENTRIES): EntryRun[] {
  const runs: EntryRun[] = []
  let serial: StoredEntry[] = []
  const close = (): void => {
    if (serial.length > 0) runs.push({ serial })
    serial = []
  }
  for (let at = 0; at < entries.length;) {
    const apart = APART.has(entries[at]?.kind ?? '')
    let end = at
    while (end < entries.length && APART.has(entries[end]?.kind ?? '') === apart) end++
    const members = entries.slice(at, end)
    const dealt = apart && lanes > 1 && members.length >= fewest ? deal(members, lanes) : []
    if (dealt.length > 1) {
      close()
      runs.push({ lanes: dealt })
    } else for (const entry of members) serial.push(entry)
    at = end
  }
  close()
  return runs
}

/** Components of the graph of dependencies, each to the lane that has the least; lanes that would be empty are left out. */
function deal(entries: readonly StoredEntry[], count: number): StoredEntry[][] {
  const parents = new Map(entries.map(({ dumpId }) => [dumpId, dumpId]))
  const root = (id: number): number => {
    let at = id
    for (let above = parents.get(at) ?? at; above !== at; above = parents.get(at) ?? at) {
      parents.set(at, parents.get(above) ?? above)
      at = above
    }
    return at
  }
  for (const { dumpId, dependencies } of entries) {
    for (const needed of dependencies) if (parents.has(needed)) parents.set(root(needed), root(dumpId))
  }
  const sizes = new Map<number, number>()
  for (const { dumpId } of entries) sizes.set(root(dumpId), (sizes.get(root(dumpId)) ?? 0) + 1)
  const filled = Array.from({ length: count }, () => ({ size: 0, entries: [] as StoredEntry[] }))
  const laneOf = new Map<number, (typeof filled)[number]>()
  for (const [component, size] of [...sizes].sort(([, a], [, b]) => b - a)) {
    const lane = filled.reduce((least, other) => (other.size < least.size ? other : least))
    lane.size += size
    laneOf.set(component, lane)
  }
  for (const entry of entries) laneOf.get(root(entry.dumpId))?.entries.push(entry)
  return filled.map((lane) => lane.entries).filter((lane) => lane.length > 0)
}
