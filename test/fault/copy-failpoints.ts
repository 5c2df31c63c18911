import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'

const { rowsCopied, chunksPlanned, chunkCopied, chunksCopied, tableCopied, indexBuilt, indexesFinished, indexesMarked } = FAILPOINTS

/** Those that killed-copy.test.ts tries: a worker dies at each. */
export const AT_OWN_SNAPSHOTS: readonly Failpoint[] = [
  ...[rowsCopied, chunksPlanned, chunkCopied, chunksCopied, tableCopied, indexBuilt, indexesFinished, indexesMarked],
]
export const AT_ONE_SNAPSHOT: readonly Failpoint[] = [
  chunksPlanned,
  chunkCopied,
  chunksCopied,
  tableCopied,
  indexBuilt,
  indexesFinished,
  indexesMarked,
]

const { tableResolved, copyAgainBegun, othersCommitted, copiedAgain, behindCommitted, rejoined } = FAILPOINTS
/** Those that killed-resolve.test.ts tries. */
export const AT_RESOLVE: readonly Failpoint[] = [tableResolved, copyAgainBegun, othersCommitted, copiedAgain, behindCommitted, rejoined]
