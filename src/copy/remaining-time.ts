/** A table that is not copied and indexed yet. */
export interface RemainingTable {
  /** Bytes of COPY to come. */
  readonly left: number
  /** Bytes that its rows come to in all: what each of its indexes has to read. */
  readonly bytes: number
  /** Of each index that is still to be built the part that is done: 0 where nothing is known of it. */
  readonly builds: readonly number[]
}

export interface Remaining {
  /** In the order of their copies: those that run first. */
  readonly tables: readonly RemainingTable[]
  /** Of the copy together, per second; null: not known. */
  readonly byteRate: number | null
  /** How many copies that rate is of. */
  readonly copies: number
  /** Bytes of rows that one index build gets through per second; null: none was seen yet. */
  readonly buildRate: number | null
  readonly indexJobs: number
}

/**
 * Seconds until all tables are copied and their indexes stand; null if nothing moves. The copies go on at their present rate, each
 * table's indexes follow it as soon as one of `indexJobs` is free. As long as no build was seen, one is taken to be as fast as one copy:
 * about what it is for a small key on the machines where it was measured.
 */
export function remainingSeconds({ tables, byteRate, copies, buildRate, indexJobs }: Remaining): number | null {
  const left = tables.reduce((sum, table) => sum + table.left, 0)
  // Below a byte a second what an average remembers is no rate any more.
  const copyRate = byteRate !== null && byteRate >= 1 ? byteRate : null
  if (left > 0 && copyRate === null) return null
  const builds = tables.some((table) => table.builds.length > 0)
  const rate = buildRate ?? (copyRate === null ? null : copyRate / Math.max(1, copies))
  if (builds && (rate === null || rate <= 0)) return null
  const free = Array.from({ length: Math.max(1, indexJobs) }, () => 0)
  let copied = 0
  let end = 0
  for (const table of tables) {
    copied += copyRate === null ? 0 : table.left / copyRate
    end = Math.max(end, copied)
    for (const part of [...table.builds].sort((a, b) => b - a)) {
      const next = free.indexOf(Math.min(...free))
      const ready = Math.max(free[next] ?? 0, copied) + (table.bytes * (1 - part)) / (rate ?? 1)
      free[next] = ready
      end = Math.max(end, ready)
    }
  }
  return Math.round(end)
}
