import { described } from './spec-problem.ts'

export const RESOLVE_ACTIONS = ['retry', 'copyAgain', 'leaveOut'] as const

/** An operator's answer to an error of one table, named as on the source. */
export interface Resolution {
  readonly schema: string
  readonly table: string
  readonly action: (typeof RESOLVE_ACTIONS)[number]
}

/** Checks the argument of the signal or update `resolve`: an object with a table's source name and an action. */
export function validateResolve(argument: unknown): { resolution: Resolution } | { problem: string } {
  const expected =
    'expected an object such as {"schema": "public", "table": "orders", "action": "retry"}, or with "copyAgain" or "leaveOut"'
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument)) {
    return { problem: `resolve: found ${described(argument, false)}, ${expected}` }
  }
  const unknown = Object.keys(argument).find((key) => !['schema', 'table', 'action'].includes(key))
  if (unknown !== undefined) return { problem: `resolve: ${described(unknown, false)} is an unknown key, ${expected}` }
  const { schema, table, action } = argument as Record<string, unknown>
  for (const [key, name] of Object.entries({ schema, table })) {
    if (typeof name !== 'string' || name === '') return { problem: `resolve: found ${described(name, false)} for "${key}", ${expected}` }
  }
  const known = RESOLVE_ACTIONS.find((one) => one === action)
  if (known === undefined) return { problem: `resolve: found the action ${described(action, false)}, ${expected}` }
  return { resolution: { schema: schema as string, table: table as string, action: known } }
}
