import { visibleIn } from './snapshot.ts'
import type { Snapshot } from './snapshot.ts'

/** What was copied under one snapshot: today a table. */
export interface CopiedUnit {
  readonly snapshot: Snapshot
  /** The WAL insert position, read right after the snapshot was taken. */
  readonly lsn: bigint
}

/** A streamed transaction, as its BEGIN message names it. */
export interface StreamedTransaction {
  /** The lower 32 bits of the top-level transaction id. */
  readonly xid: number
  /** Where its commit record starts. */
  readonly finalLsn: bigint
}

/**
 * Whether the copy holds the transaction's changes already, so that they must not be applied again: if and only if the
 * copy's snapshot sees it. Commit records are not written in the order in which transactions become visible, so the
 * LSN alone can't tell; it only says that a commit record written after the snapshot can't be visible in it, and that
 * keeps the 32-bit id from being widened where it may have come round.
 */
export function alreadyCopied(transaction: StreamedTransaction, copied: CopiedUnit): boolean {
  if (transaction.finalLsn >= copied.lsn) return false
  return visibleIn(copied.snapshot, widenXid(transaction.xid, copied.snapshot.xmax))
}

/**
 * The 64-bit id that is nearest to `near` among those that end in `xid`. Right if the two are less than 2^31 apart: the
 * slot's catalog_xmin keeps the cluster from going further.
 */
export function widenXid(xid: number, near: bigint): bigint {
  return near + BigInt.asIntN(32, BigInt(xid) - near)
}
