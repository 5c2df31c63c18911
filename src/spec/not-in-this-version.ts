import { described, jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'

type Loose = Readonly<Record<string, unknown>>
type Path = readonly (string | number)[]

const LATER = 'not in this version'
const fields = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {})

/** Keys and values of the contract whose behaviour isn't built yet. Takes a spec that may be wrong in any way. */
export function notInThisVersion(input: unknown): SpecProblem[] {
  const problems: SpecProblem[] = []
  const refuse = (path: Path, value: unknown, instead: string): void => {
    problems.push({ path: jsonPath(path), found: described(value, false), expected: `${instead} (${LATER})` })
  }
  const spec = fields(input)

  const cutover = fields(spec['cutover'])
  if (cutover['validate'] === 'checksum') refuse(['cutover', 'validate'], 'checksum', '"none" or "counts"')
  return problems
}
