import type { Client } from '@temporalio/client'
import type { InstalledBy } from '../source/installed.ts'

/** Whether a migration's workflow may still act; `unknown` to this Temporal namespace. */
export type WorkflowState = 'open' | 'closed' | 'unknown'

/** `temporal.api.enums.v1.WorkflowExecutionStatus`: completed, failed, canceled, terminated, timed out. Not continued as new, nor paused. */
const CLOSED: ReadonlySet<number> = new Set([2, 3, 4, 5, 7])
const COMPLETED: ReadonlySet<number> = new Set([2])
/** `grpc.status.NOT_FOUND` */
const NOT_FOUND = 5

/**
 * Asks Temporal for the migration's chain of runs by its workflow ID. Of the runs under one ID only the newest can be open, so if that one belongs
 * to another chain, the migration's own is closed. A server that doesn't tell the first run can't tell the chains apart: then whatever is open counts.
 */
export async function workflowState(
  client: Client,
  namespace: string,
  { workflowId, firstRunId }: Pick<InstalledBy, 'workflowId' | 'firstRunId'>,
): Promise<WorkflowState> {
  const info = await describe(client, namespace, { workflowId })
  if (!info) return 'unknown'
  if (CLOSED.has(info.status ?? 0)) return 'closed'
  return info.firstRunId && info.firstRunId !== firstRunId ? 'closed' : 'open'
}

/** What is to become of a fence: of a completed migration it stays, of another closed one it is lifted; who doesn't know leaves it alone. */
export async function fenceOf(
  client: Client,
  namespace: string,
  { workflowId, firstRunId }: Pick<InstalledBy, 'workflowId' | 'firstRunId'>,
): Promise<'lift' | 'keep' | 'leave'> {
  // The newest run, if it belongs to the migration's chain, else the chain's first: where that went on as a new one, its end is not known.
  for (const runId of ['', firstRunId]) {
    const info = await describe(client, namespace, { workflowId, runId })
    if (!info || (runId === '' && info.firstRunId !== firstRunId)) continue
    if (!CLOSED.has(info.status ?? 0)) return 'leave'
    return COMPLETED.has(info.status ?? 0) ? 'keep' : 'lift'
  }
  return 'leave'
}

/** Without a run ID of the newest run. Undefined if this namespace knows none. */
async function describe(client: Client, namespace: string, execution: { workflowId: string; runId?: string }) {
  try {
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({ namespace, execution })
    return workflowExecutionInfo ?? {}
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return undefined
    throw error
  }
}

/** The namespace's UUID, which no other namespace has, on whatever server. */
export async function namespaceUuid(client: Client, namespace: string): Promise<string> {
  const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace })
  if (!namespaceInfo?.id) throw new Error(`Temporal told no UUID of the namespace ${namespace}.`)
  return namespaceInfo.id
}
