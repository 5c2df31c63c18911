import { isCancellation, setDefaultSignalHandler } from '@temporalio/workflow'
import { validateValidation } from '../spec/validate-validation.ts'
import { activity } from './activity-options.ts'
import { invalidSpec } from './invalid-spec.ts'
import type { ValidationResult } from './metadata-result.ts'
import { applicationFailure } from './migration.ts'
import { workflowRef } from './workflow-ref.ts'

/**
 * Compares source and target as a spec maps them, at any time, also while a migration streams changes; changes nothing but what it keeps of
 * differences in the target's schema pgmove. A connection that is lost is tried again within the
 * reconnect window; every other error ends the workflow.
 */
export async function validateMigration(input: unknown): Promise<ValidationResult> {
  // Reports of lost connections, which no query shows.
  setDefaultSignalHandler(() => undefined)
  const checked = validateValidation(input)
  if ('problems' in checked) throw invalidSpec(checked.problems)
  const ref = workflowRef()
  try {
    const { spec, validation } = checked
    const metadata = validation.what.includes('metadata')
      ? await activity('compareMetadata', 'Compare the catalogues', 'data')({ ref, spec, own: false })
      : undefined
    const data = validation.what.includes('data')
      ? await activity('compareData', `Compare the rows (${validation.method})`, 'data')({ ref, spec, validation })
      : undefined
    return { ...(metadata && { metadata }), ...(data && { data }) }
  } catch (error) {
    throw isCancellation(error) ? error : applicationFailure(error)
  }
}
