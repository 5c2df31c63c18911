import { z } from 'zod'
import type { ConnectionSpec } from './migration-spec.ts'
import { schemaProblems } from './schema-problems.ts'
import { connectionSchema } from './spec-schema.ts'
import type { SpecProblem } from './spec-problem.ts'

/** The argument of `testConnection`: one side or both. */
export interface ConnectionTestArgument {
  readonly source?: ConnectionSpec | undefined
  readonly target?: ConnectionSpec | undefined
}

const FORM = '{"source", "target"}, each a connection, at least one'

const connectionTestSchema = z.strictObject({ source: connectionSchema.optional(), target: connectionSchema.optional() }, { error: FORM })

/** Checks the argument of `testConnection`. Pure, and never repeats a value of a connection. */
export function validateConnectionTest(input: unknown): { argument: ConnectionTestArgument } | { problems: SpecProblem[] } {
  const parsed = connectionTestSchema.safeParse(input, { reportInput: true })
  if (!parsed.success) return { problems: schemaProblems(parsed.error.issues, input) }
  const { source, target } = parsed.data
  if (!source && !target) return { problems: [{ path: '$', found: 'neither "source" nor "target"', expected: FORM }] }
  return { argument: parsed.data }
}
