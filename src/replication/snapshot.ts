/** A txid_snapshot: which transactions a statement sees as over. The ids are 64 bit: epoch and xid. */
export interface Snapshot {
  /** Every transaction below is over. */
  readonly xmin: bigint
  /** No transaction from here on is visible. */
  readonly xmax: bigint
  /** Top-level transactions in progress, between xmin and xmax. Empty on a standby, so never trust one of there. */
  readonly xip: ReadonlySet<bigint>
}

/** Parses what txid_current_snapshot() prints: `xmin:xmax:xip,xip,…`. Throws a RangeError on anything else. */
export function parseSnapshot(text: string): Snapshot {
  const match = /^(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/.exec(text)
  if (!match) throw new RangeError(`not a txid_snapshot: ${text.slice(0, 60)}`)
  const xmin = BigInt(match[1]!)
  const xmax = BigInt(match[2]!)
  const xip = new Set(match[3] ? match[3].split(',').map(BigInt) : [])
  if (xmin > xmax || [...xip].some((xid) => xid < xmin || xid >= xmax)) throw new RangeError(`not a txid_snapshot: ${text.slice(0, 60)}`)
  return { xmin, xmax, xip }
}

/**
 * The same snapshot as a text that every reader takes. The first snapshot of a slot can have an xmin above its xmax, such as
 * `1641:1638:` (measured on 13 and 18), which the type txid_snapshot refuses; visibility asks for xmin first
 * (XidInMVCCSnapshot), so raising xmax to xmin changes nothing.
 */
export function normalSnapshot(text: string): string {
  const match = /^(\d{1,20}):(\d{1,20}):(.*)$/.exec(text)
  if (!match) throw new RangeError(`not a txid_snapshot: ${text.slice(0, 60)}`)
  const [xmin, xmax] = [BigInt(match[1]!), BigInt(match[2]!)]
  if (xmin <= xmax) return text
  return `${xmin}:${xmin}:`
}

/** Whether a committed transaction is visible, as txid_visible_in_snapshot() says. */
export function visibleIn(snapshot: Snapshot, xid: bigint): boolean {
  return xid < snapshot.xmin || (xid < snapshot.xmax && !snapshot.xip.has(xid))
}
