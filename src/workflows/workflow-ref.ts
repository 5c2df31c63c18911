import { workflowInfo } from '@temporalio/workflow'
import type { MigrationRef } from '../state/migration-ref.ts'

/** What this workflow's own things on the databases are named after. */
export function workflowRef(): MigrationRef {
  const { namespace, workflowId, firstExecutionRunId } = workflowInfo()
  return { namespace, workflowId, firstRunId: firstExecutionRunId }
}
