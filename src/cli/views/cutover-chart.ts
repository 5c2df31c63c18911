import type { MigrationReport } from '../../workflows/migration-report.ts'

/** What the steps of a cutover's ledger do. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['compareData', 'Compare all rows, while changes stream in'],
  ['catchUp', 'Wait until replication is undelayed'],
  ['raiseFence', 'Make the source read-only'],
  ['takeMarker', "Take the source's position"],
  ['drain', 'Apply what is left'],
  ['verifyTarget', 'Verify keys and definitions'],
  ['setSequences', 'Set sequences'],
  ['copyUnstreamed', 'Copy what no stream has'],
  ['refreshViews', 'Refresh views'],
  ['validate', 'Compare rows'],
  ['restoreTarget', 'Switch triggers and keys on'],
  ['restoreAccess', 'Give owners, grants and settings'],
  ['compareMetadata', 'Compare definitions'],
  ['releaseSource', 'Remove what was added to the source'],
  // Activities of those steps.
  ['applyChanges', 'Apply what is left'],
  ['compareCounts', 'Compare rows'],
])

/** What a step of a cutover, or an activity of one, does. */
export function stepTitle(step: string): string {
  return TITLES.get(step) ?? step
}

/** One step of a cutover beside the others. */
export interface ChartStep {
  readonly title: string
  /** Milliseconds from the beginning of the downtime; below 0 before it. */
  readonly from: number
  readonly to: number
  /** At least in part while nobody could write. */
  readonly inDowntime: boolean
}

/** The steps of a cutover in the order of their beginnings, on an axis on which the downtime begins at 0. */
export function cutoverChart({ steps, downtimeMs }: NonNullable<MigrationReport['cutover']>): ChartStep[] {
  const parsed = steps.map(({ step, startedAt, endedAt }) => ({ step, start: Date.parse(startedAt), end: Date.parse(endedAt) }))
  // The downtime ends with the last step that puts the target in working order.
  const last = parsed.findLast(({ step }) => step === 'restoreTarget' || step === 'restoreAccess')
  const zero = (last?.end ?? 0) - downtimeMs
  return parsed
    .map(({ step, start, end }) => ({ title: stepTitle(step), from: start - zero, to: end - zero }))
    .map((step) => ({ ...step, inDowntime: step.from < downtimeMs && step.to > 0 }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
}
