import { createHash } from 'node:crypto'

/** Names one migration: the same over continue-as-new, another for every new run. */
export interface MigrationRef {
  /** Temporal namespace. */
  readonly namespace: string
  readonly workflowId: string
  /** First run ID of the chain of runs. */
  readonly firstRunId: string
}

/** 16 hex digits, part of every name that pgmove gives on the source (contract §5). */
export function migrationId(ref: MigrationRef): string {
  return createHash('sha256').update(`${ref.namespace}\0${ref.workflowId}\0${ref.firstRunId}`).digest('hex').slice(0, 16)
}

export function slotName(id: string): string {
  return `dts_sync_${id}`
}

export function publicationName(id: string): string {
  return `pgmove_${id}`
}
