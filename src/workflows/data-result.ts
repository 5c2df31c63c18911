import type { NotComparedData } from '../validate/data/compared-table.ts'
import type { CutList } from './status.ts'

/** Rows of one table that differ, by their number. */
export interface DifferingTable {
  /** On the source, quoted. */
  readonly table: string
  /** Rows that the target lacks, or, without a key, that occur less often there. */
  readonly missing: number
  /** Rows that the source lacks. */
  readonly extra: number
  /** Rows of both sides, with other values. */
  readonly different: number
  /** Rows that changed whenever they were looked at; they are no differences. */
  readonly undecided: number
}

/** How the rows of source and target compare. */
export interface DataResult {
  /** `Failed` with differences; `Warning` without any, if something was undecided or could not be compared. */
  readonly status: 'Passed' | 'Warning' | 'Failed'
  /** As it was asked for. */
  readonly method: 'count' | 'checksum' | 'full'
  /** Tables compared. */
  readonly tables: number
  /** Rows of the source that were compared. */
  readonly rows: string
  /** Bytes of text that were hashed. */
  readonly bytes: string
  /** Tables whose rows differ. */
  readonly differing: CutList<DifferingTable>
  /** Tables that could not be compared: never taken for equal. */
  readonly notCompared: CutList<NotComparedData>
  /** Where the keys of the rows that differ are, on the target; null without any. */
  readonly kept: string | null
}
