/** Which of the two databases an error or a connection belongs to. */
export type Side = 'source' | 'target'

/** Errors that end the migration: the workflow fails with this type and the source is released (contract §6). */
export const ENDING_KINDS = [
  'InvalidSpec',
  'PrecheckFailed',
  'SourceUnreachable',
  'TargetUnreachable',
  'SlotLost',
  'SlotReplaced',
  'SourceReplaced',
] as const

/** Errors that wait for the operator: slot, publication and progress are kept (contract §6). */
export const WAITING_KINDS = [
  'AuthenticationFailed',
  'InsufficientPrivilege',
  'DatabaseMissing',
  'OutOfResources',
  'SchemaMismatch',
  'UnsupportedDdl',
  'TargetDiverged',
  'RejectedByTarget',
  'Internal',
] as const

/** Errors of a cutover that lead back to incremental replication (contract §6). */
export const RETURNING_KINDS = ['FenceLeaked', 'ValidationFailed'] as const

/** Errors that pgmove retries by itself; no user sees them but as the last failure of a pending activity. */
export const RETRIED_KINDS = ['ConnectionLost', 'Fenced', 'LockTimeout'] as const

export type ErrorKind =
  (typeof ENDING_KINDS)[number] | (typeof WAITING_KINDS)[number] | (typeof RETURNING_KINDS)[number] | (typeof RETRIED_KINDS)[number]
