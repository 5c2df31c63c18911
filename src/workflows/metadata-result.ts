import type { MetadataDifference, NotCompared } from '../validate/metadata/metadata-difference.ts'
import type { DataResult } from './data-result.ts'
import type { CutList } from './status.ts'

/** How the catalogues of source and target compare. */
export interface MetadataResult {
  /** `Failed` with differences; `Warning` without any, if something could not be compared. */
  readonly status: 'Passed' | 'Warning' | 'Failed'
  /** Objects that both sides have, by kind. */
  readonly compared: Readonly<Record<string, number>>
  /** The first 50; long texts are cut. Those of a migration are whole in its target's `pgmove.metadata_difference`. */
  readonly differences: readonly MetadataDifference[]
  /** Of all differences. */
  readonly total: number
  /** Kinds and objects that could not be compared, with the reason. */
  readonly notCompared: CutList<NotCompared>
}

/** The result of `validateMigration`. */
export interface ValidationResult {
  /** Absent if it was not asked for. */
  readonly metadata?: MetadataResult
  /** Absent if it was not asked for. */
  readonly data?: DataResult
}
