import type { CutoverStep } from './cutover-ledger.ts'
import type { MetadataResult } from './metadata-result.ts'
import type { CutList, Phase } from './status.ts'

/** The result of `migrateDatabase` (contract §4). Lists are cut at 50; whole ones are in the target's schema `pgmove`. */
export interface MigrationReport {
  readonly id: string
  readonly name: string | null
  readonly types: readonly string[]
  readonly tables: { readonly total: number; readonly copied: number }
  readonly rows: string
  readonly bytes: string
  /** Changes applied from the stream. */
  readonly changes: string
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
  readonly sequences: CutList<{ readonly name: string; readonly value: string }>
  readonly validation: {
    /** `checksum`: all rows before the marker, while changes streamed in, and behind it those that had changed since. */
    readonly method: 'none' | 'counts' | 'checksum'
    readonly tables: number
    readonly rows: string
    /** Of `checksum`: the rows that were looked at again behind the marker. */
    readonly rowsComparedAgain?: string
    readonly differing: readonly string[]
  }
  /** Null without `schema` in the types, and if the catalogues could not be compared, which is a warning then. */
  readonly metadata: MetadataResult | null
  readonly warnings: CutList<string>
  /** What stays on the source, with the statements that remove it. */
  readonly left: readonly string[]
}
