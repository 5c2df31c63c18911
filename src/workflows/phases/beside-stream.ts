import { CancellationScope, isCancellation } from '@temporalio/workflow'
import { runChangeStream } from '../change-stream-run.ts'
import type { Migration } from '../migration.ts'

/**
 * Runs the change stream, and `work` beside it: under a cutover up to its proof, without one until the work is done. Undefined if `work` came
 * to nothing. The first error of either ends both and is thrown; both have ended in any case.
 */
export async function besideStream<T>(
  migration: Migration,
  cutover: string | undefined,
  work: () => Promise<T | undefined>,
): Promise<{ readonly result: T; readonly position: string } | undefined> {
  const streamScope = new CancellationScope()
  const workScope = new CancellationScope()
  let failure: { readonly error: unknown } | undefined
  const streaming = streamScope
    .run(() => streamToProof(migration, cutover))
    .catch((error: unknown) => {
      if (!isCancellation(error)) failure = { error }
      workScope.cancel()
      return ''
    })
  let result: T | undefined
  try {
    result = await workScope.run(work)
  } catch (error) {
    streamScope.cancel()
    await streaming
    throw failure ? failure.error : error
  }
  if (result === undefined || cutover === undefined) streamScope.cancel()
  const position = await streaming
  if (failure) throw failure.error
  return result === undefined ? undefined : { result, position }
}

async function streamToProof(migration: Migration, cutover: string | undefined): Promise<string> {
  const summary = cutover === undefined ? 'Apply changes while the data is compared' : 'Apply changes until nobody writes any more'
  for (;;) {
    const result = await runChangeStream(migration, { summary, until: null, cutover })
    if (result !== 'interrupted' && result.reason === 'until') return result.position
  }
}
