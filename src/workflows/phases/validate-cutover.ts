import { ApplicationFailure } from '@temporalio/workflow'
import type { Migration } from '../migration.ts'
import type { MigrationReport } from '../migration-report.ts'

/** What the comparison of the data behind the marker came to. */
export interface CutoverValidation {
  readonly validation: MigrationReport['validation']
  /** What a cutover goes back with; undefined if nothing differs. To be thrown only if nobody has written meanwhile. */
  readonly failure: ApplicationFailure | undefined
}

/** Compares the data of both sides, drained to the marker, as the spec has it. */
export async function validateCutover(migration: Migration): Promise<CutoverValidation> {
  if (migration.spec.cutover.validate === 'none') {
    return { validation: { method: 'none', tables: 0, rows: '0', differing: [] }, failure: undefined }
  }
  const { tables, rows, differing } = await migration.run('compareCounts', 'Compare row counts', {}, 'data')
  return { validation: { method: 'counts', tables, rows, differing }, failure: differing.length > 0 ? countsDiffer(differing) : undefined }
}

function countsDiffer(differing: readonly string[]): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `Row counts differ in ${differing.slice(0, 10).join(', ')}. pgmove went back to incremental replication. Find the cause, then send the signal cutover again, or cancel.`,
    'ValidationFailed',
  )
}
