// Health check of a worker, for containers: exit code 0 if a worker of this host has polled its task queue lately, else 1 and the reason.
import os from 'node:os'
import { Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'

/** A poll waits for a minute at the server before it is asked again. */
const RECENT = 150_000
/** `temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY` */
const ACTIVITY_QUEUE = 2

const { connectionOptions, namespace } = loadClientConnectConfig()
const taskQueue = process.env['PGMOVE_TASK_QUEUE'] ?? 'pgmove'
const connection = await Connection.connect({ ...connectionOptions, connectTimeout: 10_000 })
try {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace: namespace ?? 'default',
    taskQueue: { name: taskQueue },
    taskQueueType: ACTIVITY_QUEUE,
  })
  const here = pollers?.filter(({ identity }) => identity?.includes(os.hostname())) ?? []
  const last = Math.max(...here.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000))
  if (Date.now() - last > RECENT) {
    console.error(`No worker of ${os.hostname()} has polled the task queue ${taskQueue} within ${RECENT / 1000} s`)
    process.exitCode = 1
  }
} finally {
  await connection.close()
}
