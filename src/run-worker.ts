import type { NativeConnection } from '@temporalio/worker'
import { Worker } from '@temporalio/worker'
import type { ActivityServices } from './activities/activity-run.ts'
import { createActivities } from './activities/create-activities.ts'
import { DATA_QUEUE_SUFFIX } from './workflows/data-queue.ts'
import { workflowSource } from './workflow-bundle.ts'

export interface WorkerSettings {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly services: ActivityServices
}

/** How many copies and streams one worker process runs at once. Further ones wait for another worker or a free slot. */
const DATA_SLOTS = 32

/**
 * What both Workers share. A cancel reaches an activity with its next heartbeat, so heartbeats are sent every second; the
 * default throttle would hold a cancel back by up to 60 s (TEMPORAL.md, trap 2).
 */
export const WORKER_OPTIONS = {
  maxHeartbeatThrottleInterval: '1 second',
  defaultHeartbeatThrottleInterval: '1 second',
  // Running activities are cancelled at once and resume elsewhere; the rest is for their farewells.
  shutdownGraceTime: 0,
  shutdownForceTime: '12 seconds',
} as const

/**
 * Runs until a shutdown signal: a Worker for workflows and short activities, and one on a queue of its own for the activities
 * that hold connections for hours.
 */
export async function runWorker({ connection, namespace, taskQueue, services }: WorkerSettings): Promise<void> {
  const activities = createActivities(services)
  const common = { ...WORKER_OPTIONS, connection, namespace, activities }
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue, stickyQueueScheduleToStartTimeout: '3 seconds', ...(await workflowSource()) }),
    Worker.create({ ...common, taskQueue: `${taskQueue}${DATA_QUEUE_SUFFIX}`, maxConcurrentActivityTaskExecutions: DATA_SLOTS }),
  ])
  await Promise.all(workers.map((worker) => worker.run()))
}
