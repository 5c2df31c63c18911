/** What the grouping into runs needs to know of a change. */
export interface Groupable {
  readonly operation: 'insert' | 'update' | 'delete'
  /** Changes of the same shape take the same statement. */
  readonly shape: string
  /** Null if it must stand alone. Of an insert it is not looked at: duplicates are the target's to refuse. */
  readonly key: string | null
}

/** Changes that one statement applies: no row occurs twice in it, but for inserts. */
export interface ChangeRun<C extends Groupable> {
  readonly changes: C[]
  readonly bytes: number
}

interface OpenRun<C> {
  readonly changes: C[]
  readonly keys: Set<string>
  bytes: number
}

/**
 * Groups consecutive changes of each table into runs. Within a table the order of changes is kept; between tables it is not,
 * for nothing may act across tables while changes are applied (DESIGN.md, "constraints"): whoever adds something that
 * concerns several tables, such as a TRUNCATE, takes the runs first.
 */
export class ChangeRuns<C extends Groupable> {
  readonly #tables = new Map<string, OpenRun<C>[]>()
  readonly #sameStatement: (a: C, b: C) => boolean
  #changes = 0
  #bytes = 0

  /** `sameStatement` compares what `shape` does not hold, such as the relation's version. */
  constructor(sameStatement: (a: C, b: C) => boolean = () => true) {
    this.#sameStatement = sameStatement
  }

  get changes(): number {
    return this.#changes
  }

  /** What the changes take in memory, as `add` was told. */
  get bytes(): number {
    return this.#bytes
  }

  add(table: string, change: C, bytes: number): void {
    let runs = this.#tables.get(table)
    if (!runs) this.#tables.set(table, (runs = []))
    const last = runs.at(-1)
    this.#changes++
    this.#bytes += bytes
    if (last && this.#joins(last, change)) {
      last.changes.push(change)
      last.bytes += bytes
      if (change.key !== null) last.keys.add(change.key)
    } else {
      runs.push({ changes: [change], keys: new Set(change.key === null ? [] : [change.key]), bytes })
    }
  }

  /** Takes all runs out, table by table. */
  take(): ChangeRun<C>[] {
    const runs = [...this.#tables.values()].flat()
    this.#tables.clear()
    this.#changes = 0
    this.#bytes = 0
    return runs
  }

  #joins(run: OpenRun<C>, change: C): boolean {
    const [first] = run.changes
    if (!first || first.operation !== change.operation || first.shape !== change.shape || !this.#sameStatement(first, change)) return false
    if (change.operation === 'insert') return true
    return change.key !== null && first.key !== null && !run.keys.has(change.key)
  }
}
