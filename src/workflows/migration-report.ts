import type { CutoverStep } from './cutover-ledger.ts'
import type { MetadataResult } from './metadata-result.ts'
import type { CutList, Phase } from './status.ts'

/** The result of `migrateDatabase` (contract §4). Lists are cut at 50; whole ones are in the target's schema `pgmove`. */
export interface MigrationReport {
  /** 16 hex digits, part of the names of slot and publication. */
  readonly id: string
  /** The spec's `name`. */
  readonly name: string | null
  /** The spec's `types`. */
  readonly types: readonly string[]
  /** Tables selected, and those that were copied. */
  readonly tables: { readonly total: number; readonly copied: number }
  /** Rows copied. */
  readonly rows: string
  /** Bytes copied. */
  readonly bytes: string
  /** The 20 tables whose copies had the most bytes, biggest first, by their quoted names on the source; reports of older workers have none. */
  readonly largest?: readonly { readonly table: string; readonly rows: string; readonly bytes: string }[]
  /** Changes applied from the stream. */
  readonly changes: string
  /** Transactions of the source that they came in. */
  readonly transactions: string
  /** Objects created on the target, by kind. */
  readonly objects: Readonly<Record<string, number>>
  /** What was not migrated, and why. */
  readonly skipped: CutList<{ readonly object: string; readonly reason: string }>
  /** What was done twice, and why. */
  readonly repeated: CutList<{ readonly object: string; readonly reason: string }>
  /** Milliseconds per phase. */
  readonly durations: Readonly<Partial<Record<Phase, number>>>
  /** The proof of the cutover; null without incremental replication. */
  readonly cutover: {
    /** As the cutover was asked for. */
    readonly fence: 'none' | 'readOnly'
    /** The marker: what was committed before is on the target, and nothing that touches a selected object was committed between it and the proof. */
    readonly lsn: string
    /** How far the stream had been applied when that was proven. */
    readonly appliedLsn: string
    /** Milliseconds in which nobody could write: from the fence, or the marker without one, until the target was ready. */
    readonly downtimeMs: number
    /** In the order of their ends; those of the last 50 that were done. */
    readonly steps: readonly CutoverStep[]
  } | null
  /** Sequences that the cutover set on the target, with their values. */
  readonly sequences: CutList<{ readonly name: string; readonly value: string }>
  /** How rows were compared behind the marker. */
  readonly validation: {
    /** `checksum`: all rows before the marker, while changes streamed in, and behind it those that had changed since. */
    readonly method: 'none' | 'counts' | 'checksum'
    /** Tables compared. */
    readonly tables: number
    /** Rows of the source that were compared. */
    readonly rows: string
    /** Of `checksum`: the rows that were looked at again behind the marker. */
    readonly rowsComparedAgain?: string
    /** Tables whose rows differ. */
    readonly differing: readonly string[]
  }
  /** Null without `schema` in the types, and if the catalogues could not be compared, which is a warning then. */
  readonly metadata: MetadataResult | null
  /** What a person should know. */
  readonly warnings: CutList<string>
  /** What stays on the source, with the statements that remove it. */
  readonly left: readonly string[]
}
