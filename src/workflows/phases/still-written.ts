import { ApplicationFailure } from '@temporalio/workflow'

/** What a cutover goes back with if somebody has written since its marker. */
export function stillWritten(changes: number, moved: readonly string[]): ApplicationFailure {
  const what = moved.length > 0 ? `sequences moved (${moved.slice(0, 5).join(', ')})` : `${changes} changes were committed`
  return ApplicationFailure.nonRetryable(
    `After the cutover's marker ${what} on the source: somebody still writes. pgmove went back to incremental replication. Stop all writers, then send the signal cutover again.`,
    'FenceLeaked',
  )
}
