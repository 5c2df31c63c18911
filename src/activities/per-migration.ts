/**
 * What this worker process knows of migrations beyond single activities, by a key that names one. Asked for more than `kept`, it forgets
 * those that were asked for longest ago: they are of migrations that are over or run elsewhere.
 */
export class PerMigration<T> {
  readonly #known = new Map<string, T>()
  readonly #kept: number

  constructor(kept: number) {
    this.#kept = kept
  }

  get(key: string, make: () => T): T {
    const value = this.#known.get(key) ?? make()
    this.#known.delete(key)
    this.#known.set(key, value)
    for (const other of this.#known.keys()) {
      if (this.#known.size <= this.#kept) break
      this.#known.delete(other)
    }
    return value
  }
}
