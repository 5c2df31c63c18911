/** What the plan knows of a table. */
export interface PlannedTable {
  readonly bytes: bigint
}

export interface GroupLimits {
  /** From this size on a table is a group of its own; small ones are packed up to it. */
  readonly bytes: bigint
  readonly tables: number
  /** Both limits grow so that there are about three times as many groups at most. */
  readonly share: number
}

const MEBIBYTE = 1024n * 1024n
export const GROUP_LIMITS: GroupLimits = { bytes: 64n * MEBIBYTE, tables: 200, share: 100 }

/** Splits tables into work groups, each copied by one activity, biggest first: big tables alone, small ones packed together. */
export function workGroups<T extends PlannedTable>(tables: readonly T[], limits: GroupLimits = GROUP_LIMITS): T[][] {
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0n)
  const most = max(limits.bytes, total / BigInt(limits.share))
  const count = Math.max(limits.tables, Math.ceil(tables.length / limits.share))
  const sorted = [...tables].sort((a, b) => (a.bytes === b.bytes ? 0 : a.bytes < b.bytes ? 1 : -1))
  const groups = sorted.filter(({ bytes }) => bytes >= most).map((table) => [table])
  let open: T[] = []
  let bytes = 0n
  for (const table of sorted.filter((small) => small.bytes < most)) {
    if (open.length > 0 && (open.length >= count || bytes + table.bytes > most)) {
      groups.push(open)
      open = []
      bytes = 0n
    }
    open.push(table)
    bytes += table.bytes
  }
  if (open.length > 0) groups.push(open)
  return groups
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
