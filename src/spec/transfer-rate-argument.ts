import type { MigrationSpec } from './migration-spec.ts'
import { described } from './spec-problem.ts'

export type TransferRate = MigrationSpec['transferRate']

/**
 * Checks the argument of the signal or update `setTransferRate`: an object with one limit or both; null lifts one, and one that is
 * left out stays as it is in `now`.
 */
export function validateTransferRate(argument: unknown, now: TransferRate): { rate: TransferRate } | { problem: string } {
  const expected = 'expected an object such as {"megabytesPerSecond": 50, "rowsPerSecond": null}'
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument)) {
    return { problem: `setTransferRate: found ${described(argument, false)}, ${expected}` }
  }
  const rate: Record<string, number | null> = { ...now }
  const given = Object.entries(argument as Record<string, unknown>)
  if (given.length === 0) return { problem: `setTransferRate: found nothing to change, ${expected}` }
  for (const [key, limit] of given) {
    if (!Object.hasOwn(now, key)) return { problem: `setTransferRate: ${described(key, false)} is an unknown key, ${expected}` }
    if (limit !== null && !(typeof limit === 'number' && Number.isFinite(limit) && limit > 0)) {
      return { problem: `setTransferRate: found ${described(limit, false)} for "${key}", expected a number above 0, or null` }
    }
    rate[key] = limit
  }
  return { rate: rate as unknown as TransferRate }
}
