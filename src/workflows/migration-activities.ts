import type { Side } from '../errors/error-kind.ts'
import type { SyncedLargeObjects } from '../large-objects/sync-large-objects.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import type { ValidationSpec } from '../spec/validate-validation.ts'
import type { MigrationRef } from '../state/migration-ref.ts'
import type { DataResult } from './data-result.ts'
import type { MetadataResult } from './metadata-result.ts'
import type { MigrationReport } from './migration-report.ts'
import type { Places } from './search-attributes.ts'
import type { Phase, PrecheckResult, Status } from './status.ts'

/** What every activity is told. Connections are references; they are resolved on the worker. */
export interface MigrationInput {
  readonly ref: MigrationRef
  readonly spec: MigrationSpec
  /** The migration's when the activity was scheduled, for the log. Absent from workflows of older builds. */
  readonly phase?: Phase
}

export interface CopyGroup {
  readonly group: number
  readonly tables: number
  /** How many of `tableJobs` its copy takes: more than one for a big table that is copied in chunks. */
  readonly jobs: number
  /** What the Web UI shows for the group's activity. */
  readonly label: string
}

export interface MoveCounts {
  readonly rows: string
  readonly bytes: string
}

/**
 * How a stretch of the change stream ended: at `until`, because the attempt had run for its time, or because a table is to be copied before
 * it goes on.
 */
export interface StreamResult {
  readonly reason: 'until' | 'rotated' | 'copyAgain'
  readonly position: string
  /** Changes applied to selected tables during this stretch. */
  readonly changes: number
}

/** What came of an attempt to reach a side whose deadline had passed. */
export type ConnectionAttempt =
  | { readonly reachable: true }
  | {
      readonly reachable: false
      /** Attempts were made up to the deadline, and this one after it: the migration ends. */
      readonly expired: boolean
      /** When the window ends now: it begins again, whole, if nothing was attempted for over 5 minutes. */
      readonly deadline: string
      /** Until then, by the worker's clock. */
      readonly leftMs: number
      readonly message: string
    }

/** The activities that migrateDatabase calls. Each may be killed at any instruction, run again, or run twice at once. */
export interface MigrationActivities {
  /** Where source and target are, for the search attributes; null if these are not registered in the namespace. */
  findSearchAttributes(input: MigrationInput): Promise<Places>
  /** Checks both databases; changes nothing. */
  precheck(
    input: MigrationInput & { readonly ignoreWarnings: MigrationSpec['ignoreWarnings'] },
  ): Promise<PrecheckResult & { readonly id: string; readonly verdict: 'go' | 'wait' }>
  /** Publication, slot with its snapshot, heartbeat; waits until the slot's snapshot is safe to copy under. */
  prepareSource(input: MigrationInput): Promise<{ readonly slot: string; readonly startLsn: string }>
  /** Writes the list of selected tables with their names on the target, sizes and copy groups. */
  planTables(input: MigrationInput): Promise<{
    readonly groups: readonly CopyGroup[]
    readonly tables: number
    readonly bytes: string
    /** Whether there are large objects to copy. */
    readonly largeObjects: boolean
  }>
  /** Dumps the source's definitions into the target's state. */
  dumpDefinitions(input: MigrationInput): Promise<{ readonly entries: number; readonly skipped: number }>
  /** Creates types, functions, tables, views, sequences on the target. */
  restoreDefinitions(input: MigrationInput): Promise<{ readonly restored: number }>
  /** Switches off on the target what must not act while data moves. */
  prepareTarget(input: MigrationInput): Promise<void>
  /** Copies the tables of one group under snapshots of their own; `indexes` are those to be built apart, before the rest. */
  copyGroup(
    input: MigrationInput & { readonly group: number; readonly jobs: number },
  ): Promise<MoveCounts & { readonly indexes: readonly { readonly entry: number; readonly label: string }[] }>
  /** Builds one index of a group's table, or, without `entry`, what is left of the group's, and analyzes its tables. */
  buildIndexes(input: MigrationInput & { readonly group: number; readonly entry: number | null }): Promise<void>
  /** Copies large objects; what becomes of them later is brought over at cutover. */
  copyLargeObjects(input: MigrationInput): Promise<{ readonly objects: number }>
  /** Copies all tables and large objects under one snapshot; for migrations without incremental replication. */
  copyUnderOneSnapshot(input: MigrationInput): Promise<MoveCounts & { readonly tables: number; readonly differing: readonly string[] }>
  /**
   * Builds the indexes that belong to no copied table, checks that every table is copied and every index stands, analyzes partitioned
   * tables as a whole, and tells how far the stream must be applied.
   */
  finishCopy(input: MigrationInput): Promise<{ readonly catchUpTo: string | null }>
  /**
   * Applies the change stream: up to `until`, or until rotated, so that the workflow may continue as new. Under
   * a `cutover` behind a fence it ends where that proves that nobody has written since its marker: both become known meanwhile, by
   * takeMarker. A later commit that changes a selected table is not applied: it is `FenceLeaked`. It does not begin while tables are marked
   * to be copied again, unless it may run `beside` their copy: then their changes are passed over. A table that was copied again gets what it
   * lacks first.
   */
  applyChanges(
    input: MigrationInput & { readonly until: string | null; readonly cutover?: string; readonly beside?: boolean },
  ): Promise<StreamResult>
  /**
   * Writes down that a table, by its name on the source, is to be copied again, or that its changes are no longer applied. Nobody applies
   * changes by the old state afterwards. `warning` is for the status, `problem` why there was nothing to write down.
   */
  resolveTable(
    input: MigrationInput & {
      readonly table: { readonly schema: string; readonly table: string }
      readonly action: 'copyAgain' | 'leaveOut'
      /** Kind of the error that is answered; null if none waited. */
      readonly waitedFor: string | null
    },
  ): Promise<{ readonly warning: string | null; readonly problem: string | null }>
  /**
   * Copies the tables marked for it, each under a snapshot of its own; tells how far the stream must be applied then. Nobody applies changes
   * meanwhile, unless `beside`: those of the other tables.
   */
  copyAgain(input: MigrationInput & { readonly beside?: boolean }): Promise<{ readonly catchUpTo: string | null }>
  /** Puts back the foreign keys that gave way to copies, when all tables agree. */
  attachForeignKeys(input: MigrationInput): Promise<{ readonly attached: number }>
  /** Foreign keys, triggers, rules, policies. */
  restoreConstraints(input: MigrationInput): Promise<{ readonly restored: number }>
  /**
   * Makes the source's database read-only for new sessions, ends all others but pgmove's, and waits until prepared transactions are gone.
   * `kept` are sessions of a provider's superusers, which nobody can end; `statements` lift the fence by hand; `closedMs` is for how long
   * new sessions have been read-only, by the source's clock.
   */
  raiseFence(input: MigrationInput): Promise<{
    readonly ended: number
    readonly kept: readonly string[]
    readonly statements: readonly string[]
    readonly closedMs: number
  }>
  /** Puts back what raiseFence has set. */
  lowerFence(input: MigrationInput): Promise<void>
  /**
   * The source's insert position now: what was committed before has a lower LSN. It is told to the stream that runs under the same
   * `cutover`: as its marker, or, with `proof`, as its end. `lsn` is a marker that was taken before, to be told to that stream.
   */
  takeMarker(
    input: MigrationInput & { readonly cutover?: string; readonly proof?: boolean; readonly lsn?: string },
  ): Promise<{ readonly lsn: string }>
  /** Waits until the stream that runs beside it has applied all that was committed below `lsn`. */
  waitApplied(input: MigrationInput & { readonly lsn: string }): Promise<{ readonly applied: string }>
  /** Sets all sequences; `moved` are those that moved on the source meanwhile. */
  setSequences(
    input: MigrationInput,
  ): Promise<{ readonly total: number; readonly items: readonly { name: string; value: string }[]; readonly moved: readonly string[] }>
  /** Foreign keys that stood during replication, deferrable keys, definitions against the source's. */
  verifyTarget(input: MigrationInput): Promise<void>
  /** Exact row counts; the tables that differ. */
  compareCounts(input: MigrationInput): Promise<{ readonly tables: number; readonly rows: string; readonly differing: readonly string[] }>
  /**
   * Brings up to date what is not streamed: unlogged tables and large objects (`unstreamed`), and materialized views (`views`). Without `part`
   * both, in this order.
   */
  refreshViews(
    input: MigrationInput & { readonly part?: 'unstreamed' | 'views' },
  ): Promise<{ readonly refreshed: number; readonly largeObjects: SyncedLargeObjects | null }>
  /**
   * Puts triggers, rules, identities, foreign keys on the target as on the source (`objects`); then owners, grants and settings
   * (`access`). Without `part` both.
   */
  restoreTarget(input: MigrationInput & { readonly part?: 'objects' | 'access' }): Promise<void>
  /** Undoes the part `objects` of restoreTarget, so that replication can go on. Nobody restores meanwhile. */
  undoRestore(input: MigrationInput): Promise<void>
  /**
   * Compares the catalogues of both sides, as the spec selects and maps. `own`: of a migration that has just been made, with what it left
   * out on purpose; what is found is kept on the target. Else nothing is written.
   */
  compareMetadata(input: MigrationInput & { readonly own: boolean }): Promise<MetadataResult>
  /**
   * Compares the rows of both sides, as the spec selects and maps, or, `own`, those of the migration itself. Keys of what differs are kept on the
   * target, in pgmove.data_difference.
   */
  compareData(input: MigrationInput & { readonly validation: ValidationSpec; readonly own?: boolean }): Promise<DataResult>
  /** From the next start of the stream on the keys of changed rows are written down on the target, or, with `open` false, no more. */
  logKeys(input: MigrationInput & { readonly open: boolean }): Promise<void>
  /**
   * Compares the rows of which that was written down, and tables that are not streamed; nobody writes meanwhile. `streaming`: before that, while changes
   * stream in; what is found equal need not be compared again unless it changes again. Default false.
   */
  compareChanged(
    input: MigrationInput & { readonly streaming?: boolean },
  ): Promise<Pick<DataResult, 'tables' | 'rows' | 'differing' | 'kept'>>
  /** One attempt to reach a side when the deadline of its outage has passed; judges by what the other activities have attempted. */
  tryConnection(
    input: MigrationInput & { readonly side: Side; readonly lostAt: string; readonly deadline: string },
  ): Promise<ConnectionAttempt>
  /** After cancel or failure: puts back what was changed on objects that pgmove did not create. */
  putTargetBack(input: MigrationInput & { readonly outcome: string }): Promise<{ readonly left: readonly string[] }>
  /** Removes slot, publication, heartbeat and pgmove's schema from the source; lifts the fence, unless the migration is `completed`. */
  releaseSource(input: MigrationInput & { readonly completed?: boolean }): Promise<{ readonly left: readonly string[] }>
  /**
   * Writes the heartbeat and measures what the slot retains while nothing else does: while the migration waits or is paused. Ends
   * by cancel alone, or with `SlotLost` if the slot is `needed`.
   */
  watchSlot(input: MigrationInput & { readonly needed: boolean }): Promise<void>
  /** Tells running copies to pause or to go on. */
  setPaused(input: MigrationInput & { readonly paused: boolean }): Promise<void>
  /** Tells running copies how much they may move per second, all together. */
  setTransferRate(input: MigrationInput & { readonly rate: MigrationSpec['transferRate'] }): Promise<void>
  /** Collects the report from the target's state and closes the migration's record. */
  writeReport(input: MigrationInput & { readonly facts: ReportFacts }): Promise<MigrationReport>
}

/** What only the workflow knows of the report. */
export interface ReportFacts {
  readonly durations: Readonly<Partial<Record<Phase, number>>>
  readonly cutover: MigrationReport['cutover']
  readonly validation: MigrationReport['validation']
  readonly metadata: MigrationReport['metadata']
  readonly sequences: Status['sequences']
  readonly warnings: readonly string[]
  readonly left: readonly string[]
}
