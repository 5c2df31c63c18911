import { FAILPOINTS } from '../../src/activities/failpoints.ts'
import type { Failpoint } from '../../src/activities/failpoints.ts'

const { tableBegun, rowsCopied, chunksPlanned, chunkCopied, chunksCopied, tableCopied } = FAILPOINTS
const { indexBuilt, indexesFinished, tableIndexed, indexesMarked, copyFinished } = FAILPOINTS

/** Those that killed-copy.test.ts tries: a worker dies at each. */
export const AT_OWN_SNAPSHOTS: readonly Failpoint[] = [
  ...[tableBegun, rowsCopied, chunksPlanned, chunkCopied, chunksCopied, tableCopied],
  ...[indexBuilt, indexesFinished, tableIndexed, indexesMarked, copyFinished],
]
export const AT_ONE_SNAPSHOT: readonly Failpoint[] = [tableBegun, tableCopied, indexesFinished, indexesMarked]

const { tableResolved, copyAgainBegun, copiedAgain } = FAILPOINTS
/** Those that killed-resolve.test.ts tries. */
export const AT_RESOLVE: readonly Failpoint[] = [tableResolved, copyAgainBegun, copiedAgain]
