import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'

/** How far the target is, as its own row says, and the right to move it. */
export interface Progress {
  /** Fencing number of this attempt: a later `takeOver` takes the right away. */
  readonly epoch: bigint
  /** Commit LSN of the last source transaction that is on the target; 0 before the first. */
  readonly commitLsn: bigint
  /** Everything committed below is on the target or needs no applying: the highest position that the slot may have been told. */
  readonly confirmedLsn: bigint
}

/** What one target transaction applied. */
export interface AppliedGroup {
  readonly commitLsn: bigint
  readonly endLsn: bigint
  /** Source transactions, also those of which nothing was to be applied. */
  readonly transactions: number
  readonly changes: number
  /** Commit LSN of the last one that changes anything on the target. */
  readonly changedLsn?: bigint | undefined
}

interface Row extends Record<string, string | null> {
  epoch: string
  commit_lsn: string
  confirmed_lsn: string
}

/**
 * Takes over as the one attempt that applies. Waits for a transaction in which an older attempt has already moved the
 * progress and sees its result; one that has not fails with `Fenced` when it tries.
 */
export async function takeOver(target: Database, id: string): Promise<Progress> {
  const [row] = await target.query<Row>(
    `update pgmove.progress set epoch = epoch + 1 where id = $1 returning epoch, commit_lsn, confirmed_lsn`,
    [id],
  )
  if (!row) {
    const text = `On the target: the progress of migration ${id} in schema pgmove is gone. Nothing more is applied. Restore the schema, or cancel and start again with "existing": "replace".`
    throw new MigrationError('TargetDiverged', text, { side: 'target' })
  }
  return { epoch: BigInt(row.epoch), commitLsn: parseLsn(row.commit_lsn), confirmedLsn: parseLsn(row.confirmed_lsn) }
}

/** Moves the progress in the transaction that holds the data. Throws `Fenced` if another attempt has taken over. */
export async function recordProgress(target: Database, id: string, epoch: bigint, applied: AppliedGroup): Promise<void> {
  const moved = await target.execute(
    `update pgmove.progress set commit_lsn = $3::pg_lsn, confirmed_lsn = greatest(confirmed_lsn, $4::pg_lsn),
            transactions = transactions + $5::bigint, changes = changes + $6::bigint,
            changed_lsn = greatest(changed_lsn, $7::pg_lsn), applied_at = clock_timestamp()
      where id = $1 and epoch = $2::bigint and commit_lsn < $3::pg_lsn`,
    [
      ...[id, String(epoch), formatLsn(applied.commitLsn), formatLsn(applied.endLsn)],
      ...[String(applied.transactions), String(applied.changes), formatLsn(applied.changedLsn ?? 0n)],
    ],
  )
  if (moved !== 1) throw fenced()
}

/** Makes a position durable that holds no change, before the slot is told. Throws `Fenced` if another attempt has taken over. */
export async function recordConfirmed(target: Database, id: string, epoch: bigint, lsn: bigint): Promise<void> {
  const moved = await target.execute(
    `update pgmove.progress set confirmed_lsn = greatest(confirmed_lsn, $3::pg_lsn) where id = $1 and epoch = $2::bigint`,
    [id, String(epoch), formatLsn(lsn)],
  )
  if (moved !== 1) throw fenced()
}

function fenced(): MigrationError {
  return new MigrationError('Fenced', 'Another attempt applies the change stream; this one ends and has changed nothing.', {
    side: 'target',
  })
}
