import { MigrationError } from '../errors/migration-error.ts'
import { pause } from '../source/retry-on-lock.ts'
import type { ActivityRun } from './activity-run.ts'
import { lost } from './lost-connection.ts'

const SESSION_LOST_MS = 1000

/**
 * Runs `work` again, within one attempt, when it has lost a connection, unless `alive` fails: for what only this attempt's sessions on
 * the source hold. While the target is away the reconnect window holds, and the outage is shown, as between attempts.
 */
export async function throughOutages<T>(run: ActivityRun, alive: () => Promise<void>, work: (again: boolean) => Promise<T>): Promise<T> {
  for (let again = false; ; again = true) {
    try {
      return await work(again)
    } catch (error) {
      run.signal.throwIfAborted()
      if (!(error instanceof MigrationError) || error.kind !== 'ConnectionLost' || error.side === undefined) throw error
      await alive()
      if (error.side === 'source') {
        await pause(SESSION_LOST_MS, run.signal)
        continue
      }
      const { expired, failure, retryDelayMs } = await lost(run, error, 'target')
      if (expired) throw failure
      await pause(retryDelayMs, run.signal)
    }
  }
}
