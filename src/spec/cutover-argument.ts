import type { Fence } from './migration-spec.ts'
import { described } from './spec-problem.ts'

/**
 * Checks the argument of the signal or update `cutover`: nothing, null, or an object that may hold `fence`.
 * Without a fence of its own it is `fallback`, the spec's `cutover.fence`.
 */
export function validateCutoverArgument(argument: unknown, fallback: Fence = 'none'): { fence: Fence } | { problem: string } {
  if (argument === undefined || argument === null) return { fence: fallback }
  if (typeof argument !== 'object' || Array.isArray(argument)) {
    return { problem: `cutover: found ${described(argument, false)}, expected nothing or an object such as {"fence": "none"}` }
  }
  const unknown = Object.keys(argument).find((key) => key !== 'fence')
  if (unknown !== undefined) return { problem: `cutover: ${described(unknown, false)} is an unknown key, expected only "fence"` }
  const fence: unknown = (argument as { fence?: unknown }).fence
  if (fence === undefined) return { fence: fallback }
  if (fence === 'none' || fence === 'readOnly') return { fence }
  return { problem: `cutover: found the fence ${described(fence, false)}, expected "none" or "readOnly"` }
}
