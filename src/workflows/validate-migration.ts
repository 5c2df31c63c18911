import { ApplicationFailure, isCancellation, setDefaultSignalHandler, workflowInfo } from '@temporalio/workflow'
import { invalidSpecMessage } from '../spec/invalid-spec-message.ts'
import { validateValidation } from '../spec/validate-validation.ts'
import { activity } from './activity-options.ts'
import type { ValidationResult } from './metadata-result.ts'
import { applicationFailure } from './migration.ts'

/**
 * Compares source and target as a spec maps them, at any time, and changes nothing. A connection that is lost is tried again within the
 * reconnect window; every other error ends the workflow.
 */
export async function validateMigration(input: unknown): Promise<ValidationResult> {
  // Reports of lost connections, which no query shows.
  setDefaultSignalHandler(() => undefined)
  const checked = validateValidation(input)
  if ('problems' in checked) {
    throw ApplicationFailure.create({
      message: invalidSpecMessage(checked.problems),
      type: 'InvalidSpec',
      nonRetryable: true,
      details: [checked.problems.slice(0, 50)],
    })
  }
  const { namespace, workflowId, firstExecutionRunId } = workflowInfo()
  const ref = { namespace, workflowId, firstRunId: firstExecutionRunId }
  try {
    const metadata = await activity('compareMetadata', 'Compare the catalogues', 'data')({ ref, spec: checked.spec, own: false })
    return { metadata }
  } catch (error) {
    throw isCancellation(error) ? error : applicationFailure(error)
  }
}
