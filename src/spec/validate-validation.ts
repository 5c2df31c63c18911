import type { MigrationSpec } from './migration-spec.ts'
import { schemaProblems } from './schema-problems.ts'
import { described, jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'
import { validateSpec } from './validate-spec.ts'
import { validationSchema } from './validation-schema.ts'

const INSTEAD = '{"what": ["metadata"]} (not in this version)'

/**
 * Checks the argument of `validateMigration`: a MigrationSpec with an optional `validation`. Data is not compared in this version, so
 * whatever asks for it is a problem. Pure, as `validateSpec` is.
 */
export function validateValidation(input: unknown): { spec: MigrationSpec } | { problems: SpecProblem[] } {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return validateSpec(input)
  const { validation, ...rest } = input as Record<string, unknown>
  const checked = validateSpec(rest)
  const problems = [...('problems' in checked ? checked.problems : []), ...validationProblems(validation, input)]
  return 'spec' in checked && problems.length === 0 ? checked : { problems }
}

function validationProblems(validation: unknown, input: unknown): SpecProblem[] {
  if (validation === undefined) return [{ path: '$.validation', found: 'nothing, which means metadata and data', expected: INSTEAD }]
  const parsed = validationSchema.safeParse(validation, { reportInput: true })
  if (!parsed.success) return schemaProblems(parsed.error.issues, input, ['validation'])
  const { what } = parsed.data
  const given = validation as Record<string, unknown>
  const problems: SpecProblem[] = []
  if (what.includes('data')) {
    const found = given['what'] === undefined ? 'nothing, which means metadata and data' : JSON.stringify(what)
    problems.push({ path: '$.validation.what', found, expected: '["metadata"] (not in this version)' })
  }
  for (const key of ['method', 'sample', 'tables', 'transferRate']) {
    if (given[key] === undefined) continue
    problems.push({
      path: jsonPath(['validation', key]),
      found: described(given[key], false),
      expected: `no "${key}", which is about data (not in this version)`,
    })
  }
  return problems
}
