import { condition } from '@temporalio/workflow'

/** A number of jobs that may run at once. For workflow code. */
export class JobSlots {
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  /** Waits until so many are free, and takes them. A cancel ends the wait. */
  async take(count: number): Promise<void> {
    // Whoever waited before may have taken them since the condition held.
    while (this.#free < count) await condition(() => this.#free >= count)
    this.#free -= count
  }

  give(count: number): void {
    this.#free += count
  }

  /** Runs `work` in one slot. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    await this.take(1)
    try {
      return await work()
    } finally {
      this.give(1)
    }
  }
}
