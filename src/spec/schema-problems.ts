import type { z } from 'zod'
import { described, jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** The keys of arguments under which connections stand. */
const CONNECTIONS: ReadonlySet<PropertyKey | undefined> = new Set(['source', 'target', 'sources'])

/** Zod's issues as problems, one for each unknown key, with the branch of a union that the user most likely meant. */
export function schemaProblems(issues: readonly Issue[], input: unknown, base: Path = []): SpecProblem[] {
  return issues.flatMap((issue) => issueProblems(issue, input, base))
}

function issueProblems(issue: Issue, input: unknown, base: Path): SpecProblem[] {
  const path = [...base, ...issue.path]
  const value = valueAt(input, path)
  // A password may stand anywhere in a connection, and in the value of any key that we don't know.
  const secret = path.length === 0 || CONNECTIONS.has(path[0])
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: keyPath(path, key, secret), found: 'an unknown key', expected: 'no such key' }))
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors as Issue[][])
    if (branch) return schemaProblems(branch, input, path)
  }
  if (issue.code === 'invalid_key') return [{ path: jsonPath(path), found: 'a key that is none', expected: issue.message }]
  const told: unknown = issue.code === 'custom' ? issue.params?.['found'] : undefined
  return [{ path: jsonPath(path), found: typeof told === 'string' ? told : described(value, secret), expected: issue.message }]
}

/** The one branch with the fewest missing and unknown keys; none if there isn't one, or if every branch wanted another type of value. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const [best, next] = branches
    .filter((issues) => !issues.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'))
    .map((issues) => ({ issues, score: misfit(issues) }))
    .sort((a, b) => a.score - b.score)
  return best && best.score !== next?.score ? best.issues : undefined
}

function misfit(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : isMissing(issue) ? 1 : 0), 0)
}
const isMissing = (issue: Issue): boolean => issue.code === 'invalid_type' && issue.path.length === 1 && issue.input === undefined

function keyPath(path: Path, key: string, secret: boolean): string {
  // A URL or password pasted in the place of a key is not repeated.
  return secret && path.length > 0 && !/^[A-Za-z_]\w{0,30}$/.test(key) ? jsonPath(path) : jsonPath([...path, key])
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  )
}
