import { NetEffect } from './net-effect.ts'
import type { KeyedChange, RowKey } from './net-effect.ts'

/** What the grouping needs to know of a change. */
export interface Groupable extends KeyedChange {
  /** Whether the net effect of several changes may take it. */
  readonly reducible: boolean
  /** Changes of the same shape take the same statement. */
  readonly shape: string
  /** Null if it must stand alone in a run. Of an insert it is not looked at: duplicates are the target's to refuse. */
  readonly key: RowKey | null
}

/** Changes that one statement applies: no row occurs twice in it, but for inserts. */
export interface ChangeRun<C extends Groupable> {
  readonly kind: 'run'
  readonly changes: C[]
}

/** Changes of which only the net effect is applied. */
export interface ChangeSet<C extends Groupable> {
  readonly kind: 'set'
  readonly effect: NetEffect<C>
  /** The first and the last change that it took. */
  readonly first: C
  last: C
  /** All of them in order, if asked for. */
  readonly changes: C[] | undefined
}

export type ChangeStep<C extends Groupable> = ChangeRun<C> | ChangeSet<C>

export interface StepRules<C> {
  /** Compares what `shape` does not hold, such as the relation's version. */
  readonly sameStatement: (a: C, b: C) => boolean
  /** Whether the changes of a set may be wanted one by one after all. */
  readonly keepChanges: (change: C) => boolean
}

/**
 * Groups the changes of each table into steps, to be applied in order: sets of which the net effect is applied, and runs of consecutive
 * changes that share a statement. Between tables the order of changes is not kept, for nothing may act across tables while
 * changes are applied (DESIGN.md, "constraints"): whoever adds something that concerns several tables, such as a TRUNCATE,
 * takes the steps first.
 */
export class ChangeSteps<C extends Groupable> {
  readonly #tables = new Map<string, { steps: ChangeStep<C>[]; keys: Set<RowKey> }>()
  readonly #rules: StepRules<C>
  #changes = 0
  #bytes = 0

  constructor(rules: StepRules<C>) {
    this.#rules = rules
  }

  get changes(): number {
    return this.#changes
  }

  /** What the changes take in memory, as `add` was told. */
  get bytes(): number {
    return this.#bytes
  }

  add(table: string, change: C, bytes: number): void {
    this.#changes++
    this.#bytes += bytes
    let grouped = this.#tables.get(table)
    if (!grouped) this.#tables.set(table, (grouped = { steps: [], keys: new Set<RowKey>() }))
    const { steps, keys } = grouped
    const last = steps.at(-1)
    if (change.reducible) {
      if (last?.kind === 'set' && this.#rules.sameStatement(last.first, change) && last.effect.add(change)) {
        last.last = change
        last.changes?.push(change)
        return
      }
      if (last?.kind !== 'set' || !this.#rules.sameStatement(last.first, change)) {
        const effect = new NetEffect<C>()
        if (effect.add(change)) {
          const changes = this.#rules.keepChanges(change) ? [change] : undefined
          steps.push({ kind: 'set', effect, first: change, last: change, changes })
          return
        }
      }
    }
    if (last?.kind === 'run' && this.#joins(last.changes, keys, change)) last.changes.push(change)
    else {
      steps.push({ kind: 'run', changes: [change] })
      keys.clear()
    }
    if (change.key !== null) keys.add(change.key)
  }

  /** Takes all steps out, table by table. */
  take(): ChangeStep<C>[] {
    const steps = [...this.#tables.values()].flatMap((table) => table.steps)
    this.#tables.clear()
    this.#changes = 0
    this.#bytes = 0
    return steps
  }

  #joins([first]: readonly C[], keys: ReadonlySet<RowKey>, change: C): boolean {
    if (!first || first.operation !== change.operation || first.shape !== change.shape || !this.#rules.sameStatement(first, change))
      return false
    if (change.operation === 'insert') return true
    return change.key !== null && first.key !== null && !keys.has(change.key)
  }
}

/** The runs that do what `changes` do one after another, without a reduction. */
export function runsOf<C extends Groupable>(changes: Iterable<C>, rules: StepRules<C>): ChangeRun<C>[] {
  const steps = new ChangeSteps<C & { readonly reducible: false }>(rules)
  for (const change of changes) steps.add('', { ...change, reducible: false }, 0)
  return steps.take().filter((step) => step.kind === 'run')
}
