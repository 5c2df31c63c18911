import type { Temporal } from './temporal-connection.ts'

/** A poll waits for a minute at the server before it is asked again. */
const RECENT_MS = 150_000
/** `temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW` */
const WORKFLOW_QUEUE = 1

/** Whether a worker has asked for work on a task queue lately. One that died less than 2 minutes ago can't be told from one that runs. */
export async function workerPolls({ client, namespace }: Temporal, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: WORKFLOW_QUEUE,
  })
  const last = Math.max(...(pollers ?? []).map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000))
  return Date.now() - last < RECENT_MS
}

/** What to do where no worker polls. */
export function noWorkerText(taskQueue: string, namespace: string): string {
  return `No worker polls the task queue ${taskQueue} in the namespace ${namespace}.\nStart one where both databases can be reached: pgmove worker`
}
