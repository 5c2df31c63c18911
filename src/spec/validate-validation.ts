import type { MigrationSpec, ObjectEntry } from './migration-spec.ts'
import { schemaProblems } from './schema-problems.ts'
import type { SpecProblem } from './spec-problem.ts'
import { validateSpec } from './validate-spec.ts'
import { validationSchema } from './validation-schema.ts'

/** What `validateMigration` compares, in its normal form. */
export interface ValidationSpec {
  readonly what: readonly ('metadata' | 'data')[]
  /** `checksum`: sums of the hashes of a chunk's rows, and rows where they differ; `full`: the hash of every row; `count`: numbers of rows. */
  readonly method: 'count' | 'checksum' | 'full'
  /** The share of the chunks of tables with a key that is compared, 0 to 1. */
  readonly sample: number
  /** The tables, among those that the spec selects, whose data is compared; null: all of them. */
  readonly tables: readonly ObjectEntry[] | null
  /** Bytes of text and rows that are compared per second. */
  readonly transferRate: MigrationSpec['transferRate']
}

/** Checks the argument of `validateMigration`: a MigrationSpec with an optional `validation`. Pure, as `validateSpec` is. */
export function validateValidation(input: unknown): { spec: MigrationSpec; validation: ValidationSpec } | { problems: SpecProblem[] } {
  const { validation, ...rest } =
    typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Record<string, unknown>) : {}
  const checked = validateSpec(typeof input === 'object' && input !== null && !Array.isArray(input) ? rest : input)
  const parsed = validationSchema.safeParse(validation ?? {}, { reportInput: true })
  const problems = 'problems' in checked ? checked.problems : []
  if (!parsed.success) return { problems: [...problems, ...schemaProblems(parsed.error.issues, input, ['validation'])] }
  if ('problems' in checked) return { problems }
  const { what, method, sample, tables, transferRate } = parsed.data
  return {
    spec: checked.spec,
    validation: {
      what,
      method,
      sample,
      tables: tables ?? null,
      transferRate: transferRate ?? { megabytesPerSecond: null, rowsPerSecond: null },
    },
  }
}
