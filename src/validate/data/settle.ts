import { setTimeout as pause } from 'node:timers/promises'
import type { HashedRow } from './read-rows.ts'

/** How what looked different is looked at again. */
export interface SettleOptions {
  readonly keys: readonly string[]
  readonly readSource: (keys: readonly string[]) => Promise<Map<string, HashedRow>>
  readonly readTarget: (keys: readonly string[]) => Promise<Map<string, HashedRow>>
  /** Resolves when all that a statement on the source could see before it was called is on the target. At once if nothing is replicated. */
  readonly caughtUp: () => Promise<void>
  /** Resolves to true when all transactions that are open on the source now have ended; false if that takes too long. */
  readonly openTransactionsEnded: () => Promise<boolean>
  /** The first pause between two rounds, in milliseconds; it doubles. Default 50. */
  readonly pauseMs?: number
  readonly signal: AbortSignal
}

export type DifferenceKind = 'missing' | 'extra' | 'different'

export interface Settled {
  readonly differences: readonly { readonly key: string; readonly kind: DifferenceKind }[]
  /** Keys whose rows changed whenever they were looked at, and were never seen equal. */
  readonly undecided: readonly string[]
}

const ROUNDS = 10
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2000

/**
 * Decides which of the rows that looked different are, while changes stream in. Two sides that are read one after the other may differ
 * for a change in between, so a difference counts only for a row that stood still around the looks at it. They are B1 (target), then, once all
 * transactions have ended that were open on the source at B1, S1 (source), B2 when the target has caught up with what S1 could see, and S2. If a
 * row has the same version in B1 and B2, nothing was applied to it in between; what was applied before is visible in S1. If it has the
 * same version in S1 and S2, it did not change there either. So both show one and the same state, and what they show differs. A row that
 * is absent has no version: one that was inserted and deleted again on the target between B1 and B2 shows in S2, for which open transactions
 * are waited for once more: the target can have what is committed before others see it (synchronous replication).
 */
export async function settle(options: SettleOptions): Promise<Settled> {
  const { readSource, readTarget, caughtUp, openTransactionsEnded, pauseMs = FIRST_PAUSE_MS, signal } = options
  const differences: { key: string; kind: DifferenceKind }[] = []
  let open = [...options.keys]
  let before: Map<string, HashedRow> | undefined
  for (let round = 0; round < ROUNDS && open.length > 0; round++) {
    signal.throwIfAborted()
    if (round > 1) await pause(Math.min(LONGEST_PAUSE_MS, pauseMs * 2 ** round), undefined, { signal })
    const ended = before !== undefined && (await openTransactionsEnded())
    const here = await readSource(open)
    await caughtUp()
    const there = await readTarget(open)
    open = open.filter((key) => here.get(key)?.hash !== there.get(key)?.hash)
    const still = ended ? open.filter((key) => before?.get(key)?.version === there.get(key)?.version) : []
    if (still.length > 0 && (await openTransactionsEnded())) {
      const again = await readSource(still)
      const decided = new Set(still.filter((key) => again.get(key)?.version === here.get(key)?.version))
      for (const key of decided) differences.push({ key, kind: kindOf(here.get(key), there.get(key)) })
      open = open.filter((key) => !decided.has(key))
    }
    before = there
  }
  return { differences, undecided: open }
}

function kindOf(here: HashedRow | undefined, there: HashedRow | undefined): DifferenceKind {
  return there === undefined ? 'missing' : here === undefined ? 'extra' : 'different'
}
