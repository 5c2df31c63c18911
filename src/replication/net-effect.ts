import type { Tuple } from './tuple.ts'

/** Names a row among those of its table: the bytes of its key, or the number that they print. Equal keys mean the same row, others another. */
export type RowKey = string | number

/** What the reduction needs to know of a change. */
export interface KeyedChange {
  readonly operation: 'insert' | 'update' | 'delete'
  /** The key by which the row is found, of an insert the row's own. */
  readonly rowKey: RowKey
  /** The row's key afterwards, if an update changes it. */
  readonly newKey: RowKey | null
  /** Finds the row: it holds at least the key. Of an insert empty. */
  readonly old: Tuple
  /** The new row; an update may leave values unchanged that the stream does not hold. Of a delete empty. */
  readonly row: Tuple
}

/** What remains of all changes of one row. */
const [INSERTED, UPDATED, DELETED, REPLACED, PASSING] = [0, 1, 2, 3, 4] as const

/** Rows that are there before and are written: two lists of the same length, for an object for each row would cost too much. */
export interface Updates {
  /** Hold the keys that find the rows. */
  readonly old: readonly Tuple[]
  readonly rows: readonly Tuple[]
}

/** What to do, in this order, each at once for all its rows. */
export interface Remains {
  /** Keys of rows that came and went: they must not be there. */
  readonly absent: readonly Tuple[]
  readonly deletes: readonly Tuple[]
  /** Their keys stay as they are. A value may be unchanged. */
  readonly updates: Updates
  /** Whole rows. */
  readonly inserts: readonly Tuple[]
}

/**
 * The net effect of changes of one table: for each row, named by its key, at most one DELETE, UPDATE or INSERT, or a DELETE
 * and an INSERT. It is what the changes do one after another, for a key names one row at a time and rows do not look at each
 * other; but what keeps rows apart beside the key is satisfied in the end only, not at each step of the way.
 */
export class NetEffect<C extends KeyedChange> {
  /** Each row's place in the lists: an object for each row would cost more time than all else. */
  readonly #places = new Map<RowKey, number>()
  readonly #states: number[] = []
  /** Holds the key, as the change has it that named the row first. */
  readonly #named: Tuple[] = []
  /** The row as it is in the end; of deleted and passing ones of no meaning. */
  readonly #rows: Tuple[] = []

  /** The number of rows. */
  get size(): number {
    return this.#states.length
  }

  /**
   * Takes a change; false, with nothing taken, if it does not fit what came before, as an INSERT of a row that is there: then it must be
   * applied by itself, after this, and the target judges it. The same for a change of the key that leaves unknown values unchanged.
   */
  add(change: C): boolean {
    if (change.operation === 'insert') return this.#insert(change.rowKey, change.row)
    if (change.operation === 'delete') return this.#delete(change)
    return change.newKey === null ? this.#update(change) : this.#move(change, change.newKey)
  }

  remains(): Remains {
    const absent: Tuple[] = []
    const deletes: Tuple[] = []
    const updates = { old: [] as Tuple[], rows: [] as Tuple[] }
    const inserts: Tuple[] = []
    for (let place = 0; place < this.#states.length; place++) {
      const state = this.#states[place]
      const old = this.#named[place]!
      const row = this.#rows[place]!
      if (state === UPDATED) {
        updates.old.push(old)
        updates.rows.push(row)
      }
      if (state === DELETED || state === REPLACED) deletes.push(old)
      if (state === INSERTED || state === REPLACED) inserts.push(row)
      if (state === PASSING) absent.push(old)
    }
    return { absent, deletes, updates, inserts }
  }

  #first(key: RowKey, state: number, named: Tuple, row: Tuple): void {
    this.#places.set(key, this.#states.length)
    this.#states.push(state)
    this.#named.push(named)
    this.#rows.push(row)
  }

  #insert(key: RowKey, row: Tuple): boolean {
    const place = this.#places.get(key)
    if (place === undefined) {
      this.#first(key, INSERTED, row, row)
      return true
    }
    if (this.#exists(place)) return false
    this.#states[place] = this.#states[place] === DELETED ? REPLACED : INSERTED
    this.#rows[place] = row
    return true
  }

  #update({ rowKey, old, row }: C): boolean {
    const place = this.#places.get(rowKey)
    if (place === undefined) {
      this.#first(rowKey, UPDATED, old, row)
      return true
    }
    if (!this.#exists(place)) return false
    this.#rows[place] = row.over(this.#rows[place]!)
    return true
  }

  #delete({ rowKey, old }: C): boolean {
    const place = this.#places.get(rowKey)
    if (place === undefined) {
      this.#first(rowKey, DELETED, old, old)
      return true
    }
    if (!this.#exists(place)) return false
    this.#leave(place)
    return true
  }

  #move({ rowKey, old, row: sent }: C, newKey: RowKey): boolean {
    const from = this.#places.get(rowKey)
    const to = this.#places.get(newKey)
    if (newKey === rowKey || (from !== undefined && !this.#exists(from)) || (to !== undefined && this.#exists(to))) return false
    const row = from === undefined ? sent : sent.over(this.#rows[from]!)
    if (!row.whole) return false
    if (from === undefined) this.#first(rowKey, DELETED, old, old)
    else this.#leave(from)
    return this.#insert(newKey, row)
  }

  #exists(place: number): boolean {
    const state = this.#states[place]
    return state === INSERTED || state === UPDATED || state === REPLACED
  }

  #leave(place: number): void {
    this.#states[place] = this.#states[place] === INSERTED ? PASSING : DELETED
  }
}
