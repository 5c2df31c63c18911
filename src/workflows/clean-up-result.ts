import type { ConnectionSpec } from '../spec/migration-spec.ts'

/** A migration's things on a source, or a slot that no record belongs to. */
export interface FoundOnSource {
  /** The source, without anything secret. */
  readonly source: string
  /** 16 hex digits, part of the names of slot and publication. */
  readonly id: string
  /** Name of the replication slot. */
  readonly slot: string
  /** Null for a slot without a record. */
  readonly workflowId: string | null
  /** Of the migration's workflow; null for a slot without a record. */
  readonly firstRunId: string | null
  /** The UUID of the Temporal namespace; null for a slot without a record. */
  readonly namespaceId: string | null
  /** How many things of each kind were recorded: slot, publication, truncate trigger, replica identity, schema. */
  readonly recorded: Readonly<Record<string, number>>
  /** The WAL that the slot held back, in bytes; null if there was no slot. */
  readonly retainedBytes: string | null
  /** Why it was removed, or kept. */
  readonly reason: string
}

export type RemovedFromSource = FoundOnSource

/** What was kept, with the fields of FoundOnSource and these. */
export interface KeptOnSource extends FoundOnSource {
  /** What removes it by hand, in this order; empty while its workflow is open. Cut at 20. */
  readonly statements: readonly string[]
  /** How many statements there are. */
  readonly statementTotal: number
}

/** A source that could not be looked at. */
export interface FailedSource {
  /** The source, without anything secret. */
  readonly source: string
  /** Kind of the error, as OPERATIONS.md lists them. */
  readonly type: string
  /** What failed, and what to do. */
  readonly message: string
}

/** The result of cleanUpSlots. Lists are cut at 50; `totals` has the whole numbers. */
export interface CleanUpResult {
  /** With true, `removed` is what would have been removed. */
  readonly dryRun: boolean
  /** What lost migrations had left, and is gone. */
  readonly removed: readonly FoundOnSource[]
  /** What belongs to a migration that runs, or may. */
  readonly kept: readonly KeptOnSource[]
  /** Sources that could not be looked at. */
  readonly failed: readonly FailedSource[]
  /** The whole numbers. */
  readonly totals: { readonly sources: number; readonly removed: number; readonly kept: number; readonly failed: number }
  /** References of the sources that are not known to be clean: the schedule's next run looks at them again, whatever Temporal has forgotten. */
  readonly remembered: readonly ConnectionSpec[]
}

/** The reference of a source for people: the URL of a spec holds no password. */
export function sourceLabel(source: ConnectionSpec): string {
  if ('url' in source) return source.url
  return 'env' in source ? `environment variable ${source.env}` : `file ${source.file}`
}
