import { CancellationScope, condition } from '@temporalio/workflow'
import type { Migration } from './migration.ts'

/**
 * Runs `work` in a scope of its own, and meanwhile tells the running copies of every pause, resume and new limit: they hold their
 * snapshot and their connections, so that a pause copies nothing again.
 */
export async function withPauses<T>(migration: Migration, work: () => Promise<T>): Promise<T> {
  return CancellationScope.cancellable(async () => {
    let done = false
    let told = false
    let toldRate = migration.transferRate
    // Before the first byte moves; a limit that was lifted since an earlier run of the phase is forgotten as well.
    if (migration.state.transferRate !== null || isLimited(toldRate)) await tellRate(migration, toldRate)
    const mirror = async (): Promise<void> => {
      for (;;) {
        await condition(() => done || migration.state.paused !== told || migration.transferRate !== toldRate)
        if (!done && migration.transferRate !== toldRate) {
          toldRate = migration.transferRate
          await tellRate(migration, toldRate)
          continue
        }
        if (done && !told) return
        told = done ? false : migration.state.paused
        await migration.run('setPaused', told ? 'Pause the copy' : 'Resume the copy', { paused: told })
      }
    }
    const mirrored = mirror()
    mirrored.catch(() => undefined)
    try {
      return await work()
    } finally {
      done = true
      if (!CancellationScope.current().consideredCancelled) await mirrored
    }
  })
}

/** Runs `work`, which copies, and meanwhile tells it of every new limit. */
export async function withLimits<T>(migration: Migration, work: () => Promise<T>): Promise<T> {
  return CancellationScope.cancellable(async () => {
    let done = false
    const mirror = async (): Promise<void> => {
      for (;;) {
        if (migration.state.rateUntold === true) await tellRate(migration, migration.transferRate)
        else if (done) return
        else await condition(() => done || migration.state.rateUntold === true)
      }
    }
    const mirrored = mirror()
    mirrored.catch(() => undefined)
    try {
      return await work()
    } finally {
      done = true
      if (!CancellationScope.current().consideredCancelled) await mirrored
    }
  })
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
