import { z } from 'zod'
import { parseDuration } from './duration.ts'
import type { ConnectionSpec } from './migration-spec.ts'
import { schemaProblems } from './schema-problems.ts'
import { connectionSchema, duration } from './spec-schema.ts'
import type { SpecProblem } from './spec-problem.ts'

/** The argument of `cleanUpSlots` in its normal form. */
export interface CleanUpArgument {
  /** Null means those of the migrations that Temporal knows, and those that the schedule remembers. */
  readonly sources: readonly ConnectionSpec[] | null
  /** How long the heartbeat of a migration that nobody can vouch for must have stood still. Default 24 h, at least 1 h. */
  readonly olderThanMs: number
  /** Both `sources` and `olderThan` were given: consent to remove what another Temporal namespace has left. */
  readonly foreignToo: boolean
  /** Only tells what would be removed. */
  readonly dryRun: boolean
}

const SOURCES_FORM = 'a list of connections, not empty'
const DEFAULT_AGE_MS = 86_400_000

const cleanUpSchema = z.strictObject(
  {
    sources: z
      .array(connectionSchema, { error: SOURCES_FORM })
      .min(1, { error: SOURCES_FORM })
      .max(1000, { error: 'at most 1000' })
      .optional(),
    olderThan: duration('1h', '3650d').optional(),
    dryRun: z.boolean({ error: 'true or false' }).default(false),
  },
  { error: '{"sources", "olderThan", "dryRun"}' },
)

/** Checks the argument of `cleanUpSlots`; nothing is the same as `{}`. Pure, and never repeats a value of a connection. */
export function validateCleanUp(input: unknown): { argument: CleanUpArgument } | { problems: SpecProblem[] } {
  const given = input ?? {}
  const parsed = cleanUpSchema.safeParse(given, { reportInput: true })
  if (!parsed.success) return { problems: schemaProblems(parsed.error.issues, given) }
  const { sources, olderThan, dryRun } = parsed.data
  return {
    argument: {
      sources: sources ?? null,
      olderThanMs: olderThan === undefined ? DEFAULT_AGE_MS : (parseDuration(olderThan) ?? DEFAULT_AGE_MS),
      foreignToo: sources !== undefined && olderThan !== undefined,
      dryRun,
    },
  }
}

/** The source of a migration that streams, from the spec that its workflow was started with; undefined if it has none to clean. */
export function streamedSource(spec: unknown): ConnectionSpec | undefined {
  if (typeof spec !== 'object' || spec === null) return undefined
  const { source, types } = spec as { source?: unknown; types?: unknown }
  if (Array.isArray(types) && !types.includes('incremental')) return undefined
  return connectionOf(source)
}

/** A connection as it was remembered, if it still is one. */
export function connectionOf(value: unknown): ConnectionSpec | undefined {
  const parsed = connectionSchema.safeParse(value)
  return parsed.success ? parsed.data : undefined
}
