import type { Side } from '../errors/error-kind.ts'
import type { PrecheckItem } from '../precheck/precheck-item.ts'

export type Phase = 'precheck' | 'schema' | 'full' | 'constraints' | 'incremental' | 'cutover' | 'done'
export type State = 'running' | 'waiting' | 'paused' | 'reconnecting' | 'failed' | 'completed'

/** A list that is cut at 50 entries, with the number of all. */
export interface CutList<T> {
  /** How many there are. */
  readonly total: number
  /** The first of them. */
  readonly items: readonly T[]
}

/** One side's connection. Times are ISO 8601 in UTC. */
export interface ConnectionStatus {
  /** Whether the side is there, or waited for. */
  readonly state: 'connected' | 'reconnecting'
  /** When the connection was lost; stays over a new window. */
  readonly lostAt?: string
  /** When the reconnect window ends, unless the server comes back. */
  readonly deadline?: string
}

/** An error, or a signal that had no effect. */
export interface StatusError {
  /** When, as ISO 8601 in UTC. */
  readonly at: string
  /** Kind of the error, or `NotNow`, `InvalidArgument` for a signal that had no effect. */
  readonly type: string
  /** What failed, where, what happens next, and what to do. */
  readonly message: string
}

/** An error that waits for a person. */
export interface StatusWait {
  /** Kind of the error. */
  readonly kind: string
  /** What failed, where, and what to do. */
  readonly message: string
  /** The table that it is about, by its name on the source; null if it is no one's. */
  readonly table: { readonly schema: string; readonly table: string } | null
}

/** What the precheck found. */
export interface PrecheckResult {
  /** The worst of the items. */
  readonly status: 'Passed' | 'Warning' | 'Failed'
  /** Every item. */
  readonly items: readonly PrecheckItem[]
}

/**
 * What the query `status` answers (contract §4). Figures that can pass 2^53 are strings, as LSNs are; `rate` is rows per
 * second, `eta` seconds.
 */
export interface Status {
  /** When this was so, as ISO 8601 in UTC. */
  readonly asOf: string
  /** What the migration is at; `done` after its end. */
  readonly phase: Phase
  /** `waiting` needs a person, `reconnecting` a server; `failed` and `completed` are the end. */
  readonly state: State
  /** Changes reach the target within the spec's `lag.undelayed`: a cutover begins at once. */
  readonly undelayed: boolean
  /** A cutover was asked for and has neither ended nor been given up. Runs of older workers don't tell. */
  readonly cutoverRequested?: boolean
  /** What waits for a person, if anything; several activities can wait at once. Runs of older workers don't tell. */
  readonly waits?: readonly StatusWait[]
  /** How far the target is behind: WAL that is not applied yet, and the age of the newest change that is; null before replication. */
  readonly lag: { readonly bytes: string; readonly seconds: number } | null
  /** The replication slot on the source; null before it is made. */
  readonly slot: {
    readonly name: string
    /** Where the copy's snapshot stands in the WAL, and the stream begins. */
    readonly startLsn: string | null
    /** Everything before it is on the target. */
    readonly appliedLsn: string | null
    /** What the source was told; it need not keep WAL before it. */
    readonly confirmedLsn: string | null
    /** WAL that the source keeps for the slot, in bytes. */
    readonly retainedBytes: string | null
  } | null
  /** Tables to copy, and those that are copied. */
  readonly tables: { readonly total: number; readonly copied: number }
  /** Rows copied. */
  readonly rows: string
  /** Bytes that the copy will come to, as estimated, and those copied. */
  readonly bytes: { readonly total: string; readonly copied: string }
  /** Rows per second, of the copy. */
  readonly rate: number
  /** Seconds until the copy's end, as estimated; null: not known. */
  readonly eta: number | null
  /** Milliseconds that the phases before took. Runs of older workers tell neither this nor the next ones. */
  readonly durations?: Readonly<Partial<Record<Phase, number>>>
  /** When the phase began, as ISO 8601 in UTC. */
  readonly phaseStartedAt?: string
  /** While tables are copied: the largest of those in flight. */
  readonly copying?: readonly TableProgress[]
  /** While tables are copied: the indexes that are being built on the target. */
  readonly building?: readonly IndexBuild[]
  /** The source is read-only now; the statements lift that by hand. */
  readonly fence?: { readonly statements: readonly string[] } | null
  /** How both sides are reached. */
  readonly connection: Readonly<Record<Side, ConnectionStatus>>
  /** Null before it has run. */
  readonly precheck: PrecheckResult | null
  /** What a person should know, and need not act on now. */
  readonly warnings: CutList<string>
  /** Sequences that the cutover has set on the target, with their values. */
  readonly sequences: CutList<{ readonly name: string; readonly value: string }>
  /** Errors so far, the newest 50 of them, also those that have passed. */
  readonly errors: CutList<StatusError>
}

/** A table that is being copied. */
export interface TableProgress {
  /** schema.table on the source. */
  readonly table: string
  /** Rows copied. */
  readonly rows: string
  /** Bytes copied. */
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
  /** Null before the server tells its name. */
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
