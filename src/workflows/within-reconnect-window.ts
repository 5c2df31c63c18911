import { ApplicationFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow'
import type { Side } from '../errors/error-kind.ts'
import { HINTS } from '../errors/error-policy.ts'
import { unreachable } from '../errors/unreachable.ts'
import { activity } from './activity-options.ts'
import { cancelAware } from './cancel-aware.ts'
import type { Migration } from './migration.ts'

const SIDES: readonly Side[] = ['source', 'target']
/** When the next attempt follows one that could not be judged. */
const UNJUDGED_MS = 60_000

/**
 * Runs `work`, and ends it when a side's reconnect window has passed: with `SourceUnreachable` or `TargetUnreachable`. The
 * activities judge by themselves; this is for when none comes to it, because it waits for a worker or its heartbeats are lost.
 * The deadline alone fails nothing: it starts one attempt to connect, and only one that was made and failed ends the migration.
 */
export async function withinReconnectWindow<T>(migration: Migration, work: () => Promise<T>): Promise<T> {
  const working = new CancellationScope()
  const watching = new CancellationScope()
  let expiry: ApplicationFailure | undefined
  const result = working.run(work).finally(() => watching.cancel())
  const watch = async (side: Side): Promise<void> => {
    const passed = await passedWindow(migration, side)
    expiry ??= passed
    working.cancel()
  }
  // They end by cancel alone; an error of theirs must not fail a migration that moves.
  for (const side of SIDES) watching.run(() => watch(side)).catch(() => undefined)
  try {
    return await result
  } catch (error) {
    if (expiry && isCancellation(error) && !CancellationScope.current().consideredCancelled) throw expiry
    throw error
  }
}

/** Resolves when an attempt made after the deadline of the side's outage has failed. */
async function passedWindow({ state, input }: Migration, side: Side): Promise<ApplicationFailure> {
  let leftMs: number | undefined
  for (;;) {
    await condition(() => state[side].state === 'reconnecting')
    const { lostAt = '', deadline = '' } = state[side]
    const over = (): boolean => state[side].state !== 'reconnecting' || state[side].deadline !== deadline
    const waitMs = Math.max(1_000, leftMs === undefined ? Date.parse(deadline) - Date.now() : leftMs + 1_000)
    leftMs = undefined
    if (await condition(over, waitMs, { summary: `Reconnect window of the ${side}` })) continue
    const call = activity('tryConnection', `Try the ${side} after the reconnect window`)
    const attempt = await cancelAware(() => call({ ...input, side, lostAt, deadline })).catch((error: unknown) => {
      if (isCancellation(error)) throw error
      return undefined
    })
    if (over()) continue
    if (attempt === undefined) {
      // Nothing was shown either way.
      leftMs = UNJUDGED_MS
    } else if (attempt.reachable) {
      state[side] = { state: 'connected' }
    } else if (!attempt.expired) {
      state[side] = { state: 'reconnecting', lostAt, deadline: attempt.deadline }
      leftMs = attempt.leftMs
    } else {
      const { kind, message } = unreachable(side, { lostAt, deadline }, attempt.message)
      const details = [{ side, lostAt, deadline, lsn: state.slot?.appliedLsn ?? null }]
      return ApplicationFailure.create({ type: kind, message: `${message} ${HINTS[kind]}`.slice(0, 900), nonRetryable: true, details })
    }
  }
}
