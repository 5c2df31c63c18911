import type { Tuple } from './tuple.ts'

/** What the reduction needs to know of a change. */
export interface KeyedChange {
  readonly operation: 'insert' | 'update' | 'delete'
  /** The bytes of the key by which the row is found, of an insert those of the row's own key. Equal bytes mean the same row, others another. */
  readonly rowKey: string
  /** The row's key afterwards, if an update changes it. */
  readonly newKey: string | null
  /** Finds the row: it holds at least the key. Of an insert empty. */
  readonly old: Tuple
  /** The new row; an update may leave values unchanged that the stream does not hold. Of a delete empty. */
  readonly row: Tuple
}

/** What remains of all changes of one row. */
interface Entry<C> {
  state: 'inserted' | 'updated' | 'deleted' | 'replaced' | 'passing'
  /** The change that named the row first: its `old` finds it. */
  first: C
  /** The row as it is in the end; of `deleted` and `passing` of no meaning. */
  row: Tuple
}

/** A row that is there before and is written or removed. */
export interface Found {
  /** Holds the key that finds the row. */
  readonly old: Tuple
  readonly row: Tuple
}

/** What to do, in this order, each at once for all its rows. */
export interface Remains {
  /** Keys of rows that came and went: they must not be there. */
  readonly absent: readonly Tuple[]
  readonly deletes: readonly Tuple[]
  /** Their keys stay as they are. A value may be unchanged. */
  readonly updates: readonly Found[]
  /** Whole rows. */
  readonly inserts: readonly Tuple[]
}

/**
 * The net effect of changes of one table: for each row, named by its key, at most one DELETE, UPDATE or INSERT, or a DELETE
 * and an INSERT. It is what the changes do one after another, for a key names one row at a time and rows do not look at each
 * other; but what keeps rows apart beside the key is satisfied in the end only, not at each step of the way.
 */
export class NetEffect<C extends KeyedChange> {
  readonly #rows = new Map<string, Entry<C>>()

  /** The number of rows. */
  get size(): number {
    return this.#rows.size
  }

  /**
   * Takes a change; false, with nothing taken, if it does not fit what came before, as an INSERT of a row that is there: then it must be
   * applied by itself, after this, and the target judges it. The same for a change of the key that leaves unknown values unchanged.
   */
  add(change: C): boolean {
    if (change.operation === 'insert') return this.#insert(change, change.rowKey, change.row)
    if (change.operation === 'delete') return this.#delete(change)
    return change.newKey === null ? this.#update(change) : this.#move(change, change.newKey)
  }

  remains(): Remains {
    const absent: Tuple[] = []
    const deletes: Tuple[] = []
    const updates: Found[] = []
    const inserts: Tuple[] = []
    for (const { state, first, row } of this.#rows.values()) {
      if (state === 'updated') updates.push({ old: first.old, row })
      if (state === 'deleted' || state === 'replaced') deletes.push(first.old)
      if (state === 'inserted' || state === 'replaced') inserts.push(row)
      if (state === 'passing') absent.push(first.row)
    }
    return { absent, deletes, updates, inserts }
  }

  #insert(change: C, key: string, row: Tuple): boolean {
    const entry = this.#rows.get(key)
    if (!entry) this.#rows.set(key, { state: 'inserted', first: change, row })
    else if (entry.state === 'deleted') Object.assign(entry, { state: 'replaced', row })
    else if (entry.state === 'passing') Object.assign(entry, { state: 'inserted', row })
    else return false
    return true
  }

  #update(change: C): boolean {
    const entry = this.#rows.get(change.rowKey)
    if (!entry) {
      this.#rows.set(change.rowKey, { state: 'updated', first: change, row: change.row })
      return true
    }
    if (!exists(entry)) return false
    entry.row = change.row.over(entry.row)
    return true
  }

  #delete(change: C): boolean {
    const entry = this.#rows.get(change.rowKey)
    if (!entry) this.#rows.set(change.rowKey, { state: 'deleted', first: change, row: change.row })
    else if (exists(entry)) leave(entry)
    else return false
    return true
  }

  #move(change: C, newKey: string): boolean {
    const from = this.#rows.get(change.rowKey)
    const to = this.#rows.get(newKey)
    if (newKey === change.rowKey || (from && !exists(from)) || (to && exists(to))) return false
    const row = from ? change.row.over(from.row) : change.row
    if (!row.whole) return false
    if (from) leave(from)
    else this.#rows.set(change.rowKey, { state: 'deleted', first: change, row })
    return this.#insert({ ...change, row }, newKey, row)
  }
}

function exists({ state }: Entry<unknown>): boolean {
  return state === 'inserted' || state === 'updated' || state === 'replaced'
}

function leave(entry: Entry<KeyedChange>): void {
  entry.state = entry.state === 'inserted' ? 'passing' : 'deleted'
}
