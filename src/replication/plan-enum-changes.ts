import { literal } from '../postgres/quote.ts'

/** An enum type right after a command, in the order of its labels. */
export interface LoggedEnum {
  readonly schema: string
  readonly name: string
  readonly labels: readonly string[] | null
}

/**
 * What makes an enum of the target have the source's labels in the source's order: labels are never dropped, so each that is missing is new,
 * unless there are as many and one differs, which then was renamed. Undefined if that is not enough.
 *
 * @param type quoted, on the target
 */
export function planEnumChanges(type: string, after: readonly string[], target: readonly string[]): string[] | undefined {
  if (after.length === target.length) {
    const differing = after.flatMap((label, i) => (label === target[i] ? [] : [[target[i] ?? '', label] as const]))
    const [only] = differing
    if (!only) return []
    if (differing.length > 1 || target.includes(only[1])) return undefined
    return [`alter type ${type} rename value ${literal(only[0])} to ${literal(only[1])}`]
  }
  const known = new Set(target)
  const kept = after.filter((label) => known.has(label))
  if (kept.length !== target.length || kept.some((label, i) => label !== target[i])) return undefined
  return after.flatMap((label, i) => {
    if (known.has(label)) return []
    const previous = after[i - 1]
    const place = previous === undefined ? (kept[0] === undefined ? '' : ` before ${literal(kept[0])}`) : ` after ${literal(previous)}`
    return [`alter type ${type} add value ${literal(label)}${place}`]
  })
}
