/**
 * The steps at which a crash is most likely to lose or double something, in the order of a migration's run. Tests kill a worker
 * at each of them; in production they do nothing.
 */
export const FAILPOINTS = {
  /** Publication and slot stand, the workflow does not know it. */
  sourcePrepared: 'source prepared',
  definitionsDumped: 'definitions dumped',
  /** Some of the definitions are created. */
  definitionsBegun: 'definitions begun',
  tablesPlanned: 'tables planned',
  targetPrepared: 'target prepared',
  /** The first rows of a table are on their way. */
  tableBegun: 'table begun',
  /** As CopyStep says of these. */
  rowsCopied: 'rows copied',
  chunksPlanned: 'chunks planned',
  chunkCopied: 'chunk copied',
  chunksCopied: 'chunks copied',
  /** A table's copy is final, its indexes are missing. */
  tableCopied: 'table copied',
  /** As CopyStep says of these. */
  indexBuilt: 'index built',
  indexesFinished: 'indexes finished',
  /** A table's indexes stand, but nothing says so. */
  tableIndexed: 'table indexed',
  /** They are marked as standing, but the workflow does not know it. */
  indexesMarked: 'indexes marked',
  /** Some large objects are final, others to come. */
  largeObjectsBegun: 'large objects begun',
  copyFinished: 'copy finished',
  slotChecked: 'slot checked',
  /** A group of source transactions is committed on the target, the slot does not know it. */
  groupCommitted: 'group committed',
  /** An operator's answer for a table is written down, the workflow does not know it. */
  tableResolved: 'table resolved',
  /** The first rows of a table that is copied again are on their way. */
  copyAgainBegun: 'copy again begun',
  /** While a table waits for its copy, a group of the others' changes is committed; the slot may not know it. */
  othersCommitted: 'others committed',
  /** A table's new copy is final, the workflow does not know it. */
  copiedAgain: 'copied again',
  /** Of a table that was copied again changes are committed that the others have already. */
  behindCommitted: 'behind committed',
  /** It has come to where the others are. */
  rejoined: 'rejoined',
  /** The stream has reached the position that it was to reach. */
  positionReached: 'position reached',
  /** Some of the constraints are created. */
  constraintsBegun: 'constraints begun',
  /** New sessions on the source are read-only, older ones may write. */
  fenceSet: 'fence set',
  fenceRaised: 'fence raised',
  fenceLowered: 'fence lowered',
  markerTaken: 'marker taken',
  /** What was committed before the marker is on the target; the stream goes on. */
  drained: 'drained',
  sequencesSet: 'sequences set',
  targetVerified: 'target verified',
  countsCompared: 'counts compared',
  viewsRefreshed: 'views refreshed',
  /** Some of what was switched off on the target is back. */
  restoreBegun: 'restore begun',
  /** Triggers, rules and keys are back, the cutover can still be given up. */
  objectsRestored: 'objects restored',
  restoreUndone: 'restore undone',
  targetRestored: 'target restored',
  metadataCompared: 'metadata compared',
  releaseBegins: 'release begins',
  sourceReleased: 'source released',
  reportWritten: 'report written',
} as const

export type Failpoint = (typeof FAILPOINTS)[keyof typeof FAILPOINTS]
