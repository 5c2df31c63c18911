import { randomBytes } from 'node:crypto'
import { CliError } from './cli-error.ts'
import type { CommandContext } from './cli.ts'
import { EXIT } from './exit-code.ts'
import { exitCodeOf, failureOf } from './failure.ts'
import type { Temporal } from './temporal-connection.ts'
import { noWorkerText, workerPolls } from './worker-presence.ts'

/** A workflow that is started for its result, while somebody waits. */
export interface WorkflowRun {
  readonly type: 'testConnection' | 'precheckMigration' | 'validateMigration' | 'cleanUpSlots'
  readonly argument: unknown
  /** What it does, for the Web UI. */
  readonly summary: string
  /** Milliseconds after which Temporal ends it. Default: never. */
  readonly limitMs?: number
  /** Default: the one that the command was given. */
  readonly taskQueue?: string
}

/**
 * Starts a workflow and waits for its result.
 *
 * @throws CliError if no worker polls (nothing is started then), it fails, or Ctrl-C
 */
export async function runWorkflow<T>(context: CommandContext, run: WorkflowRun): Promise<T> {
  const temporal = await context.temporal()
  const taskQueue = run.taskQueue ?? context.taskQueue
  await demandWorker(temporal, taskQueue)
  const workflowId = `pgmove-${run.type}-${randomBytes(6).toString('hex')}`
  return await context.interruptible(async (signal) => {
    const handle = await temporal.client.workflow.start(run.type, {
      workflowId,
      taskQueue,
      args: [run.argument],
      staticSummary: run.summary,
      ...(run.limitMs !== undefined && { workflowExecutionTimeout: run.limitMs }),
    })
    try {
      return (await temporal.client.withAbortSignal(signal, () => handle.result())) as T
    } catch (error) {
      if (signal.aborted) {
        await handle.cancel().catch(() => undefined)
        throw new CliError(EXIT.interrupted, 'Interrupted', 'Cancelled.')
      }
      const failure = failureOf(error)
      if (!failure) throw error
      throw new CliError(exitCodeOf(failure), failure.type, `${run.summary}: ${failure.type}: ${failure.message}`, { cause: error })
    }
  })
}

/** @throws CliError if no worker polls the task queue */
async function demandWorker(temporal: Temporal, taskQueue: string): Promise<void> {
  if (await workerPolls(temporal, taskQueue)) return
  const text = `${noWorkerText(taskQueue, temporal.namespace)}\nNothing was started.`
  throw new CliError(EXIT.unreachable, 'NoWorker', text)
}
