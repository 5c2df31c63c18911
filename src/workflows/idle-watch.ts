import { CancellationScope, condition } from '@temporalio/workflow'
import type { ApplicationFailure } from '@temporalio/workflow'
import { activity } from './activity-options.ts'
import { applicationFailure } from './migration.ts'
import type { Migration } from './migration.ts'

/**
 * Waits for people: for the end of a pause, or for an answer to an error. Meanwhile no activity runs that would look after the
 * slot, whose WAL piles up on the source; so one runs for that alone, however many wait at once.
 */
export class IdleWatch {
  readonly #migration: Migration
  /** One waiter's cancel must not end what the others share. */
  readonly #parent = CancellationScope.current()
  #scope: CancellationScope | undefined
  #waiting = 0
  #lost: ApplicationFailure | undefined

  /** To be made in the workflow's own scope. */
  constructor(migration: Migration) {
    this.#migration = migration
  }

  /** Resolves when `over` holds. Throws `SlotLost` as soon as the slot is lost: then nothing is left to wait for. */
  async until(over: () => boolean): Promise<void> {
    if (over()) return
    this.#waiting++
    this.#scope ??= this.#begin()
    try {
      await condition(() => over() || this.#lost !== undefined)
    } finally {
      this.#waiting--
      if (this.#waiting === 0) this.#end()
    }
    if (!over() && this.#lost) throw this.#lost
  }

  #begin(): CancellationScope | undefined {
    const { state, input } = this.#migration
    if (state.slot === null) return undefined
    const scope = new CancellationScope({ cancellable: true, parent: this.#parent })
    const call = activity('watchSlot', 'Watch the replication slot meanwhile')
    scope
      .run(() => call({ ...input, needed: !state.cutoverDecided }))
      .catch((error: unknown) => {
        const failure = applicationFailure(error)
        if (failure.type === 'SlotLost') this.#lost = failure
      })
    return scope
  }

  /** Its end is not waited for: it changes nothing. */
  #end(): void {
    this.#scope?.cancel()
    this.#scope = undefined
  }
}
