import type { Side } from '../errors/error-kind.ts'
import type { PrecheckItem } from '../precheck/precheck-item.ts'

export type Phase = 'precheck' | 'schema' | 'full' | 'constraints' | 'incremental' | 'cutover' | 'done'
export type State = 'running' | 'waiting' | 'paused' | 'reconnecting' | 'failed' | 'completed'

/** A list that is cut at 50 entries, with the number of all. */
export interface CutList<T> {
  readonly total: number
  readonly items: readonly T[]
}

/** One side's connection. Times are ISO 8601 in UTC. */
export interface ConnectionStatus {
  readonly state: 'connected' | 'reconnecting'
  /** When the connection was lost; stays over a new window. */
  readonly lostAt?: string
  /** When the reconnect window ends, unless the server comes back. */
  readonly deadline?: string
}

export interface StatusError {
  readonly at: string
  /** Kind of the error (contract §6), or `NotNow`, `InvalidArgument` for a signal that had no effect. */
  readonly type: string
  readonly message: string
}

export interface PrecheckResult {
  readonly status: 'Passed' | 'Warning' | 'Failed'
  readonly items: readonly PrecheckItem[]
}

/**
 * What the query `status` answers (contract §4). Figures that can pass 2^53 are strings, as LSNs are; `rate` is rows per
 * second, `eta` seconds.
 */
export interface Status {
  readonly asOf: string
  readonly phase: Phase
  readonly state: State
  readonly undelayed: boolean
  readonly lag: { readonly bytes: string; readonly seconds: number } | null
  readonly slot: {
    readonly name: string
    readonly startLsn: string | null
    readonly appliedLsn: string | null
    readonly confirmedLsn: string | null
    readonly retainedBytes: string | null
  } | null
  readonly tables: { readonly total: number; readonly copied: number }
  readonly rows: string
  readonly bytes: { readonly total: string; readonly copied: string }
  readonly rate: number
  readonly eta: number | null
  readonly connection: Readonly<Record<Side, ConnectionStatus>>
  readonly precheck: PrecheckResult | null
  readonly warnings: CutList<string>
  readonly sequences: CutList<{ readonly name: string; readonly value: string }>
  readonly errors: CutList<StatusError>
}

/** A table that is being copied. */
export interface TableProgress {
  /** schema.table on the source. */
  readonly table: string
  readonly rows: string
  readonly bytes: string
  /** Bytes that it will come to, as estimated. */
  readonly total: string
  /** Bytes per second; null: not known yet. */
  readonly rate: number | null
}

/** An index that is being built. */
export interface IndexBuild {
  /** Its table on the target. */
  readonly table: string
  readonly index: string | null
  /** As pg_stat_progress_create_index names it. */
  readonly phase: string
  /** Of the phase; null where it has no measure. */
  readonly percent: number | null
}

/** What a running activity tells the workflow by the internal signal `report`: the parts of the status that changed. */
export interface ActivityReport {
  /** First run ID of the migration: reports of another one under the same workflow ID are not ours. */
  readonly firstRunId: string
  readonly at: string
  readonly undelayed?: boolean
  readonly lag?: NonNullable<Status['lag']>
  readonly slot?: Status['slot']
  readonly tables?: Status['tables']
  readonly rows?: string
  readonly bytes?: Status['bytes']
  readonly rate?: number
  readonly eta?: number | null
  /** The largest of the tables that are being copied. */
  readonly copying?: readonly TableProgress[]
  readonly building?: readonly IndexBuild[]
  readonly connection?: Partial<Record<Side, ConnectionStatus>>
  readonly warnings?: readonly string[]
  /** What is to be said of the slot now; null: nothing any more. */
  readonly slotWarning?: string | null
}

/** Cuts a list for `status` and report. */
export function cutList<T>(items: readonly T[], limit = 50): CutList<T> {
  return { total: items.length, items: items.slice(0, limit) }
}
