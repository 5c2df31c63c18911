import { jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'

type Loose = Readonly<Record<string, unknown>>
const fields = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {})

/** A fence in a migration without a cutover. Takes a spec that may be wrong in any way. */
export function fenceProblems(input: unknown): SpecProblem[] {
  const { cutover, types } = fields(input)
  if (fields(cutover)['fence'] !== 'readOnly' || !Array.isArray(types) || types.includes('incremental')) return []
  return [
    {
      path: jsonPath(['cutover', 'fence']),
      found: '"readOnly"',
      expected: '"none", since without "incremental" in "types" there is no cutover',
    },
  ]
}
