import type { Client } from '@temporalio/client'

const DEFAULT_QUEUE = 'pgmove'
const NAME = 'pgmove-clean-up-slots'

/** The schedule's id, and the beginning of the workflow IDs of its runs. */
export function cleanUpScheduleId(taskQueue: string): string {
  return taskQueue === DEFAULT_QUEUE ? NAME : `${NAME}-${taskQueue}`
}

/**
 * Makes the schedule that runs cleanUpSlots every 90 minutes, unless it is there: one that an operator has paused or edited stays as it is. Many
 * workers may do it at once. Returns whether it made it.
 */
export async function ensureCleanUpSchedule(client: Client, taskQueue: string): Promise<boolean> {
  const scheduleId = cleanUpScheduleId(taskQueue)
  try {
    await client.schedule.create({
      scheduleId,
      // Spread, so that the clean-ups of several queues don't all begin in the same second.
      spec: { intervals: [{ every: '90 minutes' }], jitter: '5 minutes' },
      // A run that is due while another one is open, or was due while the server was away, is made up for by the next.
      policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
      action: { type: 'startWorkflow', workflowType: 'cleanUpSlots', workflowId: scheduleId, taskQueue, args: [{}] },
    })
    return true
  } catch (error) {
    // By its name: the command pgmove loads Temporal's client only when it connects.
    if (error instanceof Error && error.name === 'ScheduleAlreadyRunning') return false
    throw error
  }
}
