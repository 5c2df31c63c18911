import type { Phase } from '../../workflows/status.ts'

/** The phases of work in their order, as people read them. */
export const PHASE_TITLES: readonly (readonly [phase: Phase, title: string])[] = [
  ['precheck', 'Precheck'],
  ['schema', 'Schema'],
  ['full', 'Full data'],
  ['constraints', 'Foreign keys and triggers'],
  ['incremental', 'Incremental replication'],
  ['cutover', 'Cutover'],
]
