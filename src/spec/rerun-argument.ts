import type { MigrationSpec } from './migration-spec.ts'
import { described } from './spec-problem.ts'

export type IgnoredWarnings = MigrationSpec['ignoreWarnings']

/**
 * Checks the argument of the signal or update `rerunPrecheck`: nothing, null, or an object that may hold `ignoreWarnings`: true, or names of items
 * in addition to those that are ignored by `now`.
 */
export function validateRerun(argument: unknown, now: IgnoredWarnings): { ignoreWarnings: IgnoredWarnings } | { problem: string } {
  const expected = 'expected nothing, {"ignoreWarnings": true} or {"ignoreWarnings": ["replica_identity"]}'
  if (argument === undefined || argument === null) return { ignoreWarnings: now }
  if (typeof argument !== 'object' || Array.isArray(argument)) {
    return { problem: `rerunPrecheck: found ${described(argument, false)}, ${expected}` }
  }
  const unknown = Object.keys(argument).find((key) => key !== 'ignoreWarnings')
  if (unknown !== undefined) return { problem: `rerunPrecheck: ${described(unknown, false)} is an unknown key, ${expected}` }
  const given: unknown = (argument as { ignoreWarnings?: unknown }).ignoreWarnings
  if (given === undefined) return { ignoreWarnings: now }
  if (given === true) return { ignoreWarnings: true }
  if (!Array.isArray(given) || !given.every((name): name is string => typeof name === 'string' && name !== '')) {
    return { problem: `rerunPrecheck: found ${described(given, false)} for "ignoreWarnings", ${expected}` }
  }
  return { ignoreWarnings: typeof now === 'boolean' ? now || given : [...new Set([...now, ...given])] }
}
