import { classify, sqlState } from '../errors/classify.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { runStatements } from '../postgres/statement-batch.ts'
import { durableCommits } from './apply-session.ts'

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
 * progress and sees its result; one that has not fails with `Fenced` when it tries. What it returns is durable, and what the session
 * commits later, unless it asks otherwise: the older attempt's last commits may have been asynchronous.
 */
export async function takeOver(target: Database, id: string): Promise<Progress> {
  await durableCommits(target)
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

/**
 * Moves the progress in the transaction that holds the data, and commits it, in one round trip. Throws `Fenced` if another attempt has taken over:
 * then nothing is committed, but the transaction is still open, as after other errors of the server.
 *
 * @param durable false: the server may lose the commit in a crash, with all that comes behind it, until a later durable commit has returned
 * @param again the group holds what the other tables have already: only the tables that are behind move
 * @param rejoin the tables that were behind have come to where the others are
 */
export async function commitProgress(
  { target, id, epoch }: Applying,
  applied: AppliedGroup,
  { durable, again = false, rejoin = false }: { durable: boolean; again?: boolean; rejoin?: boolean },
): Promise<void> {
  const counts = [String(applied.transactions), String(applied.changes), formatLsn(applied.changedLsn ?? 0n)]
  const move = again
    ? { text: MOVE_BEHIND, values: [id, String(epoch), formatLsn(applied.endLsn), ...counts] }
    : {
        ...{ text: MOVE_PROGRESS, name: 'pgmove_progress' },
        values: [id, String(epoch), formatLsn(applied.commitLsn), formatLsn(applied.endLsn), ...counts],
      }
  const before = [
    ...(durable ? [] : [{ text: 'set local synchronous_commit = off', values: [] }]),
    ...(rejoin ? [{ text: REJOIN, values: [id] }] : []),
  ]
  // It fails if a statement before had, so that the commit can't turn out to be a rollback.
  const { rows, error } = await runStatements(target.client, [...before, move, { text: 'commit', values: [] }])
  if (error === undefined) return
  if (rows.length === before.length && sqlState(error) === DIVISION_BY_ZERO) throw fenced()
  throw classify(error, 'target')
}

/** The tables that were behind have come to where the others are, with nothing of theirs left to be applied. Throws `Fenced` as commitProgress does. */
export async function recordRejoined({ target, id, epoch }: Applying): Promise<void> {
  await target.transaction(async () => {
    const mine = await target.execute(`update pgmove.progress set epoch = epoch where id = $1 and epoch = $2::bigint`, [id, String(epoch)])
    if (mine !== 1) throw fenced()
    await target.query(REJOIN, [id])
  })
}

/** The session that applies and its right to do so. */
export interface Applying {
  readonly target: Database
  readonly id: string
  readonly epoch: bigint
}

const DIVISION_BY_ZERO = '22012'
/** Fails by a division by zero unless it moves the row: what follows in the same round trip, the commit, is then not done. */
const MOVE_PROGRESS = `
  with moved as (
    update pgmove.progress
       set commit_lsn = $3::pg_lsn, confirmed_lsn = greatest(confirmed_lsn, $4::pg_lsn),
           transactions = transactions + $5::bigint, changes = changes + $6::bigint,
           changed_lsn = greatest(changed_lsn, $7::pg_lsn), applied_at = clock_timestamp()
     where id = $1 and epoch = $2::bigint and commit_lsn < $3::pg_lsn
    returning id)
  select 1 / count(*) from moved`

/** As MOVE_PROGRESS, for what only the tables that are behind have not got yet. */
const MOVE_BEHIND = `
  with moved as (
    update pgmove.progress
       set transactions = transactions + $4::bigint, changes = changes + $5::bigint, changed_lsn = greatest(changed_lsn, $6::pg_lsn),
           applied_at = clock_timestamp()
     where id = $1 and epoch = $2::bigint
    returning id),
  behind as (update pgmove.migrated_table set behind_lsn = $3::pg_lsn where id = $1 and behind_lsn < $3::pg_lsn and copy_again is null)
  select 1 / count(*) from moved`

const REJOIN = `update pgmove.migrated_table set behind_lsn = null where id = $1 and behind_lsn is not null and copy_again is null`

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
