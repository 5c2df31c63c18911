import type { Database } from '../postgres/connect.ts'
import type { BatchStatement } from '../postgres/statement-batch.ts'
import { applyNetEffect } from './apply-net-effect.ts'
import { doWorks } from './apply-work.ts'
import type { ApplyWork, CopyWork } from './apply-work.ts'
import type { BoundRelation } from './bound-relation.ts'
import { runsOf } from './change-steps.ts'
import type { ChangeSet, ChangeStep, StepRules } from './change-steps.ts'
import { LookupIndexes } from './lookup-indexes.ts'
import { netEffectWork } from './net-effect-work.ts'
import type { RowChange } from './row-change.ts'
import { runWork } from './run-work.ts'
import { StatementNames } from './statement-names.ts'

/** How changes are grouped into steps. */
export const STEP_RULES: StepRules<RowChange> = {
  sameStatement: (a, b) => a.bound === b.bound,
  keepChanges: ({ bound }) => bound.apart,
}

/** A table whose rows were in each other's way is applied in order for a while, each time for twice as many steps, up to so many. */
const MOST_ORDERED_STEPS = 64

/** A step that can be applied: statements with their values, or what depends on how the target takes it. */
export type PreparedStep = { readonly kind: 'works'; readonly works: readonly (ApplyWork | CopyWork)[] } | ChangeStep<RowChange>

/** Makes steps ready, as far as no answer of the target is needed for it: done while the target works on those before. */
export function prepareSteps(steps: readonly ChangeStep<RowChange>[]): PreparedStep[] {
  return steps.map((step) => {
    if (step.kind === 'set' && step.changes === undefined) return { kind: 'works', works: netEffectWork(step, step.effect.remains()) }
    // Single rows take much memory once they are statements.
    if (step.kind === 'run' && step.changes.length > 1) return { kind: 'works', works: runWork(step) }
    return step
  })
}

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

  /**
   * @param opening statements that begin the transaction, sent with the first of the steps; none if it is open
   * @param signal looked at between round trips
   */
  async apply(steps: readonly PreparedStep[], opening: readonly BatchStatement[], signal: AbortSignal): Promise<void> {
    let before = opening
    let together: PreparedStep[] = []
    const send = async (): Promise<void> => {
      await doWorks(this.#target, this.#names, works(together), { opening: before, signal })
      before = []
      together = []
    }
    for (const step of steps) {
      signal.throwIfAborted()
      const lookup = lookupOf(step)
      if (step.kind === 'set' || (lookup && this.#indexes.due(lookup))) await send()
      if (step.kind === 'set') await this.#set(step)
      else together.push(step)
      if (lookup) await this.#indexes.beforeLookup(lookup)
    }
    await send()
  }

  /** Begins the transaction by itself. */
  async open(opening: readonly BatchStatement[]): Promise<void> {
    await doWorks(this.#target, this.#names, [], { opening })
  }

  async #set(set: ChangeSet<RowChange>): Promise<void> {
    const { bound } = set.first
    if (!this.#inOrder(bound)) {
      if (await applyNetEffect(this.#target, this.#names, set)) return
      const next = this.#ordered.get(bound)?.next ?? 1
      this.#ordered.set(bound, { left: next, next: Math.min(2 * next, MOST_ORDERED_STEPS) })
    }
    await doWorks(this.#target, this.#names, works(runsOf(set.changes ?? [], STEP_RULES)))
  }

  #inOrder(bound: BoundRelation): boolean {
    const ordered = this.#ordered.get(bound)
    if (!ordered || ordered.left === 0) return false
    ordered.left--
    return true
  }
}

/** Made one after the other, as they are sent. */
function* works(steps: readonly PreparedStep[]): Generator<ApplyWork | CopyWork, void, undefined> {
  for (const step of steps) {
    if (step.kind === 'works') yield* step.works
    else if (step.kind === 'run') yield* runWork(step)
  }
}

/** The table without a key whose rows a step looks for. */
function lookupOf(step: PreparedStep): BoundRelation | undefined {
  const [first] = step.kind === 'run' ? step.changes : []
  return first && first.operation !== 'insert' && first.bound.key.length === 0 ? first.bound : undefined
}
