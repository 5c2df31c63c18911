import { duplicateObjects } from './duplicate-objects.ts'
import { parseDuration } from './duration.ts'
import { fenceProblems } from './fence-problems.ts'
import { mappingProblems } from './mapping-problems.ts'
import type { MigrationSpec, MigrationType, SpecDocument } from './migration-spec.ts'
import { schemaProblems } from './schema-problems.ts'
import { specSchema } from './spec-schema.ts'
import type { SpecProblem } from './spec-problem.ts'

/**
 * Checks a MigrationSpec and brings it into its normal form, or lists everything that is wrong with it.
 * Pure: it runs in Temporal's workflow sandbox. Never repeats a value of a connection.
 */
export function validateSpec(input: unknown): { spec: MigrationSpec } | { problems: SpecProblem[] } {
  const parsed = specSchema.safeParse(input, { reportInput: true })
  const problems = parsed.success ? [] : schemaProblems(parsed.error.issues, input)
  const known = new Set(problems.map(({ path }) => path))
  problems.push(...[...duplicateObjects(input), ...mappingProblems(input), ...fenceProblems(input)].filter(({ path }) => !known.has(path)))
  if (parsed.success && problems.length === 0) return { spec: normalForm(parsed.data) }
  return { problems }
}

const ORDER: readonly MigrationType[] = ['schema', 'full', 'incremental']

function normalForm(spec: SpecDocument): MigrationSpec {
  return {
    name: spec.name ?? null,
    source: spec.source,
    target: spec.target,
    types: ORDER.filter((type) => spec.types.includes(type)),
    objects: spec.objects ?? null,
    exclude: spec.exclude,
    existing: spec.existing,
    roles: spec.roles,
    reconnectWindowMs: milliseconds(spec.reconnectWindow),
    transferRate: spec.transferRate ?? { megabytesPerSecond: null, rowsPerSecond: null },
    copy: spec.copy,
    ddl: spec.ddl,
    lag: { heartbeatMs: milliseconds(spec.lag.heartbeat), undelayedMs: milliseconds(spec.lag.undelayed) },
    precheck: spec.precheck,
    ignoreWarnings: spec.ignoreWarnings,
    cutover: spec.cutover,
  }
}

function milliseconds(duration: string): number {
  const value = parseDuration(duration)
  if (value === undefined) throw new RangeError('A duration passed validation that is none.')
  return value
}
