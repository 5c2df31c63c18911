import type { Database } from '../postgres/connect.ts'
import { applyNetEffect } from './apply-net-effect.ts'
import { applyRun } from './apply-run.ts'
import type { BoundRelation } from './bound-relation.ts'
import { runsOf } from './change-steps.ts'
import type { ChangeRun, ChangeStep, StepRules } from './change-steps.ts'
import { LookupIndexes } from './lookup-indexes.ts'
import type { RowChange } from './row-change.ts'
import { StatementNames } from './statement-names.ts'

/** How changes are grouped into steps. */
export const STEP_RULES: StepRules<RowChange> = {
  sameStatement: (a, b) => a.bound === b.bound,
  keepChanges: ({ bound }) => bound.apart,
}

/** A table whose rows were in each other's way is applied in order for a while, each time for twice as many steps, up to so many. */
const MOST_ORDERED_STEPS = 64

/** Applies steps in the session's open transaction. */
export class StepApplier {
  readonly #target: Database
  readonly #names: StatementNames
  readonly #indexes: LookupIndexes
  /** For how many steps a table is still applied in order, and for how many the next time. */
  readonly #ordered = new WeakMap<BoundRelation, { left: number; next: number }>()

  /** `id` is the migration's. */
  constructor(target: Database, id: string) {
    this.#target = target
    this.#names = StatementNames.of(target)
    this.#indexes = new LookupIndexes(target, id)
  }

  async apply(step: ChangeStep<RowChange>): Promise<void> {
    if (step.kind === 'run') return this.#run(step)
    const { bound } = step.first
    if (!this.#inOrder(bound)) {
      if (await applyNetEffect(this.#target, this.#names, step)) return
      const next = this.#ordered.get(bound)?.next ?? 1
      this.#ordered.set(bound, { left: next, next: Math.min(2 * next, MOST_ORDERED_STEPS) })
    }
    for (const run of runsOf(step.changes ?? [], STEP_RULES)) await this.#run(run)
  }

  async #run(run: ChangeRun<RowChange>): Promise<void> {
    const [first] = run.changes
    if (first && first.operation !== 'insert' && first.bound.key.length === 0) await this.#indexes.beforeLookup(first.bound)
    await applyRun(this.#target, this.#names, run)
  }

  #inOrder(bound: BoundRelation): boolean {
    const ordered = this.#ordered.get(bound)
    if (!ordered || ordered.left === 0) return false
    ordered.left--
    return true
  }
}
