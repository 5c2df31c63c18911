import type { Finding } from './finding.ts'

/** One line of the precheck as the user sees it (contract §2). */
export interface PrecheckItem {
  /** Stable: `ignoreWarnings` names it. */
  readonly name: string
  /** `Failed` can't be ignored. */
  readonly status: 'Passed' | 'Warning' | 'Failed'
  /** What there is. */
  readonly found: string
  /** What there should be. */
  readonly expected: string
  /** What to do, with the statement where there is one; empty if the item passed. */
  readonly fix: string
  /** The first 10 objects that it is about. */
  readonly objects: readonly string[]
  /** How many objects it is about. */
  readonly objectCount: number
}

const OBJECTS = 10
const TEXT = 600

export function precheckItem(name: string, expected: string, { status, found, fix, objects }: Finding): PrecheckItem {
  return {
    name,
    status,
    found: shortened(found),
    expected,
    fix: shortened(fix),
    objects: objects.slice(0, OBJECTS),
    objectCount: objects.length,
  }
}

function shortened(text: string): string {
  return text.length <= TEXT ? text : `${text.slice(0, TEXT - 1)}…`
}
