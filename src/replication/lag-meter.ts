/**
 * Measures lag from the source heartbeat: beats are numbered when they are written and recognised when they arrive, both by
 * this worker's clock, so the servers' clocks don't matter.
 */
export class LagMeter {
  readonly #now: () => number
  readonly #undelayedMs: number
  /** When the beats that have not arrived yet were written, oldest first. */
  readonly #sent = new Map<string, number>()
  #last: number | undefined
  #early: string | undefined

  constructor(now: () => number, undelayedMs: number) {
    this.#now = now
    this.#undelayedMs = undelayedMs
  }

  /** Beat `beat` was written; `at` is the time before the write. It may have arrived before the write returned. */
  sent(beat: string, at = this.#now()): void {
    if (this.#early === beat) {
      this.#last = this.#now() - at
      return
    }
    this.#sent.set(beat, at)
    // A stream that stands still for long must not collect beats without bound; the oldest one tells the lag.
    if (this.#sent.size > 1000) {
      const second = [...this.#sent.keys()][1]
      if (second !== undefined) this.#sent.delete(second)
    }
  }

  /** Beat `beat` is durable on the target; those before it were overtaken. */
  arrived(beat: string): void {
    const at = this.#sent.get(beat)
    if (at === undefined) {
      this.#early = beat
      return
    }
    this.#last = this.#now() - at
    for (const other of this.#sent.keys()) {
      this.#sent.delete(other)
      if (other === beat) break
    }
  }

  /** Milliseconds; undefined until the first beat of this attempt has arrived. */
  get lagMs(): number | undefined {
    const oldest = this.#sent.values().next().value
    const waiting = oldest === undefined ? 0 : this.#now() - oldest
    return this.#last === undefined ? undefined : Math.max(waiting, this.#last)
  }

  get undelayed(): boolean {
    const { lagMs } = this
    return lagMs !== undefined && lagMs <= this.#undelayedMs
  }
}
