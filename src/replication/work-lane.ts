/**
 * Work on one session in the order in which it was added, while its caller goes on. After a failure nothing more is done, and everybody who
 * asks gets the failure.
 */
export class WorkLane {
  readonly #onFailure: () => void
  #tail: Promise<void> = Promise.resolve()
  #waiting = 0
  #failure: { readonly error: unknown } | undefined

  constructor(onFailure: () => void) {
    this.#onFailure = onFailure
  }

  get busy(): boolean {
    return this.#waiting > 0
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  add(work: () => Promise<void>): void {
    this.#waiting++
    this.#tail = this.#tail.then(async () => {
      try {
        if (!this.#failure) await work()
      } catch (error) {
        this.#failure = { error }
        this.#onFailure()
      } finally {
        this.#waiting--
      }
    })
  }

  /** Waits for what was added so far; throws if any of it failed. */
  async idle(): Promise<void> {
    await this.settled()
    this.throwIfFailed()
  }

  /** Waits for what was added so far. Never fails. */
  settled(): Promise<void> {
    return this.#tail
  }
}
