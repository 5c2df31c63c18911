import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { ActivityOptions } from '@temporalio/workflow'
import type { CleanUpActivities } from './clean-up-activities.ts'
import type { ConnectionActivities } from './connection-activities.ts'
import { DATA_QUEUE_SUFFIX } from './data-queue.ts'
import type { MigrationActivities } from './migration-activities.ts'

/**
 * The one place with activity options.
 *
 * - `cancellationType` must be set: undefined means TRY_CANCEL in SDK 1.24, whatever the documentation says, and a cutover
 *   could begin while the applier still writes (sdk-typescript#2442).
 * - Attempts are not limited: an activity decides by itself, from the time since a connection was lost, whether the
 *   reconnect window has passed. The delay between attempts comes with the failure. Only a dead worker's attempt has none: it
 *   must not grow with the attempts of earlier outages, or the next worker would take over late.
 * - The heartbeat time-out tells how soon another worker takes over from one that died.
 */
export const ACTIVITY_OPTIONS = {
  startToCloseTimeout: '365 days',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', backoffCoefficient: 1 },
} satisfies ActivityOptions

/** Runs an activity with a summary for the Web UI; `data` chooses the queue of the long-running ones. */
export function activity<K extends keyof MigrationActivities>(
  name: K,
  summary: string,
  queue: 'short' | 'data' = 'short',
  scheduleToCloseMs?: number,
): MigrationActivities[K] {
  const taskQueue = queue === 'data' ? `${workflowInfo().taskQueue}${DATA_QUEUE_SUFFIX}` : workflowInfo().taskQueue
  return proxyActivities<MigrationActivities>({
    ...ACTIVITY_OPTIONS,
    taskQueue,
    summary,
    ...(scheduleToCloseMs === undefined ? {} : { scheduleToCloseTimeout: scheduleToCloseMs }),
  })[name]
}

/** Of activities that belong to no migration: nothing is lost if they fail. */
const FEW_ATTEMPTS = { ...ACTIVITY_OPTIONS, retry: { ...ACTIVITY_OPTIONS.retry, maximumAttempts: 3 } }

/** Runs an activity of the clean-up: a server that can't be reached at once is left to the next run. */
export function cleanUpActivity<K extends keyof CleanUpActivities>(name: K, summary: string): CleanUpActivities[K] {
  return proxyActivities<CleanUpActivities>({ ...FEW_ATTEMPTS, startToCloseTimeout: '1 hour', summary })[name]
}

/** Runs an activity of a connection test. It answers a connection that fails as well; what is tried again is only the loss of a worker. */
export function connectionActivity<K extends keyof ConnectionActivities>(name: K, summary: string): ConnectionActivities[K] {
  return proxyActivities<ConnectionActivities>({ ...FEW_ATTEMPTS, startToCloseTimeout: '10 minutes', summary })[name]
}
