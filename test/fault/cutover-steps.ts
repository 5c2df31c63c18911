import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'

/** Where a cutover is aborted, in the order of its steps. */
export const ABORTED_AT: readonly Failpoint[] = [
  FAILPOINTS.fenceSet,
  FAILPOINTS.markerTaken,
  FAILPOINTS.drained,
  FAILPOINTS.targetVerified,
  FAILPOINTS.countsCompared,
  FAILPOINTS.objectsRestored,
  FAILPOINTS.positionReached,
]

/** Lost in aborted-cutover.test.ts: of a cutover that completes it is no part. */
export const AT_ABORT: readonly Failpoint[] = [FAILPOINTS.fenceLowered, FAILPOINTS.restoreUndone]
