import { CancellationScope, condition } from '@temporalio/workflow'
import type { Migration } from './migration.ts'

/**
 * Runs `work` in a scope of its own, and meanwhile tells the running copies of every pause, resume and new limit: they hold their
 * snapshot and their connections, so that a pause copies nothing again.
 */
export async function withPauses<T>(migration: Migration, work: () => Promise<T>): Promise<T> {
  return CancellationScope.cancellable(async () => {
    let told = false
    let toldRate = migration.transferRate
    // Before the first byte moves; a limit that was lifted since an earlier run of the phase is forgotten as well.
    if (migration.state.transferRate !== null || isLimited(toldRate)) await tellRate(migration, toldRate)
    return besideWork(work, async (isDone) => {
      for (;;) {
        await condition(() => isDone() || migration.state.paused !== told || migration.transferRate !== toldRate)
        if (!isDone() && migration.transferRate !== toldRate) {
          toldRate = migration.transferRate
          await tellRate(migration, toldRate)
          continue
        }
        if (isDone() && !told) return
        told = isDone() ? false : migration.state.paused
        await migration.run('setPaused', told ? 'Pause the copy' : 'Resume the copy', { paused: told })
      }
    })
  })
}

/** Runs `work`, which copies, and meanwhile tells it of every new limit. */
export async function withLimits<T>(migration: Migration, work: () => Promise<T>): Promise<T> {
  return CancellationScope.cancellable(() =>
    besideWork(work, async (isDone) => {
      for (;;) {
        if (migration.state.rateUntold === true) await tellRate(migration, migration.transferRate)
        else if (isDone()) return
        else await condition(() => isDone() || migration.state.rateUntold === true)
      }
    }),
  )
}

/** Runs `tell` beside `work`, and waits for its end too, unless everything is cancelled. */
async function besideWork<T>(work: () => Promise<T>, tell: (isDone: () => boolean) => Promise<void>): Promise<T> {
  let done = false
  const telling = tell(() => done)
  telling.catch(() => undefined)
  try {
    return await work()
  } finally {
    done = true
    if (!CancellationScope.current().consideredCancelled) await telling
  }
}

function isLimited({ megabytesPerSecond, rowsPerSecond }: Migration['transferRate']): boolean {
  return megabytesPerSecond !== null || rowsPerSecond !== null
}

async function tellRate(migration: Migration, rate: Migration['transferRate']): Promise<void> {
  migration.state.rateUntold = false
  const limits = [
    ...(rate.megabytesPerSecond === null ? [] : [`${rate.megabytesPerSecond} MB/s`]),
    ...(rate.rowsPerSecond === null ? [] : [`${rate.rowsPerSecond} rows/s`]),
  ]
  await migration.run('setTransferRate', limits.length === 0 ? 'Lift the limits of the copy' : `Limit the copy to ${limits.join(', ')}`, {
    rate,
  })
}
