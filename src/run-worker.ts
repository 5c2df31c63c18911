import { Client } from '@temporalio/client'
import type { DataConverter } from '@temporalio/common'
import type { NativeConnection } from '@temporalio/worker'
import { Runtime, Worker } from '@temporalio/worker'
import type { ActivityServices } from './activities/activity-run.ts'
import { createActivities } from './activities/create-activities.ts'
import { cleanUpScheduleId, ensureCleanUpSchedule } from './clean-up/clean-up-schedule.ts'
import { watchMigrations } from './metrics/watch-migrations.ts'
import { DATA_QUEUE_SUFFIX } from './workflows/data-queue.ts'
import { workflowSource } from './workflow-bundle.ts'

export interface WorkerSettings {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly taskQueue: string
  readonly services: ActivityServices
  /** How payloads are written and read. Default: the SDK's own way, in JSON. */
  readonly dataConverter?: DataConverter
  /** Metrics are served: the migrations' gauges are to be set. Default false. */
  readonly metrics?: boolean
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
export async function runWorker({ connection, namespace, taskQueue, services, dataConverter, metrics }: WorkerSettings): Promise<void> {
  const activities = createActivities(services)
  const converter = dataConverter && { dataConverter }
  const common = { ...WORKER_OPTIONS, connection, namespace, activities, ...converter }
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue, stickyQueueScheduleToStartTimeout: '3 seconds', ...(await workflowSource()) }),
    Worker.create({ ...common, taskQueue: `${taskQueue}${DATA_QUEUE_SUFFIX}`, maxConcurrentActivityTaskExecutions: DATA_SLOTS }),
  ])
  const client = new Client({ connection, namespace, ...converter })
  void scheduleCleanUp(client, taskQueue)
  const ended = new AbortController()
  const { metricMeter: meter, logger } = Runtime.instance()
  const watching = metrics ? watchMigrations({ client, taskQueue, meter, logger, signal: ended.signal }) : undefined
  try {
    await Promise.all(workers.map((worker) => worker.run()))
  } finally {
    ended.abort()
    await watching
  }
}

/** A worker without the right to make schedules still migrates. */
async function scheduleCleanUp(client: Client, taskQueue: string): Promise<void> {
  const { logger } = Runtime.instance()
  const scheduleId = cleanUpScheduleId(taskQueue)
  try {
    if (await ensureCleanUpSchedule(client, taskQueue)) logger.info('the clean-up is scheduled', { scheduleId })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const hint = 'Slots of lost migrations stay until the schedule is made or cleanUpSlots is started by hand.'
    logger.warn('the clean-up could not be scheduled', { scheduleId, reason, hint })
  }
}
