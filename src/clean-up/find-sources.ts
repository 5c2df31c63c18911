import type { Client } from '@temporalio/client'
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js'
import { connectionOf, streamedSource } from '../spec/clean-up-argument.ts'
import type { ConnectionSpec } from '../spec/migration-spec.ts'

/** `grpc.status.NOT_FOUND` */
const NOT_FOUND = 5
/** Above it a run of the clean-up would take too long; the newest come first. */
const MIGRATIONS = 10_000

/**
 * The sources of the migrations on a task queue, open and closed, that Temporal still knows, from the spec in the first event of each; with
 * `remembered`, references that an earlier run has passed on. Each once. What is no valid connection is left out: nothing can have been made there.
 */
export async function findSources(
  client: Client,
  namespace: string,
  taskQueue: string,
  remembered: unknown,
  signal: AbortSignal,
): Promise<ConnectionSpec[]> {
  const found = new Map<string, ConnectionSpec>()
  const add = (source: ConnectionSpec | undefined) => source && found.set(JSON.stringify(source), source)
  for (const source of Array.isArray(remembered) ? remembered : []) add(connectionOf(source))
  const query = `WorkflowType = 'migrateDatabase' AND TaskQueue = '${taskQueue.replaceAll("'", "''")}' AND ExecutionStatus != 'ContinuedAsNew'`
  let count = 0
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    signal.throwIfAborted()
    if (++count > MIGRATIONS) break
    add(streamedSource(await startArgument(client, namespace, { workflowId, runId })))
  }
  return [...found.values()]
}

/** What a workflow was started with; undefined if its history is gone meanwhile, or encrypted with a key that this worker has not. */
async function startArgument(client: Client, namespace: string, execution: { workflowId: string; runId: string }): Promise<unknown> {
  const answer = await client.workflowService
    .getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 })
    .catch((error: { code?: unknown }) => {
      if (error.code === NOT_FOUND) return undefined
      throw error
    })
  const payloads = answer?.history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads
  const [argument] = await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads).catch(() => [])
  return argument
}
