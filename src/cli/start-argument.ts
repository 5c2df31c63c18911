import type { Temporal } from './temporal-connection.ts'

/** What a workflow was started with, from the first event of its history. */
export async function startArgument({ client, namespace }: Temporal, execution: { workflowId: string; runId: string }): Promise<unknown> {
  const { decodeArrayFromPayloads } = await import('@temporalio/common/lib/internal-non-workflow/index.js')
  const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 })
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads
  const [argument] = await decodeArrayFromPayloads(client.workflow.options.loadedDataConverter, payloads)
  return argument
}
