/** The measurements of the WAL that a slot retains, and how fast it grows by them. Times are milliseconds since 1970. */
export class SlotGrowth {
  readonly #samples: { readonly at: number; readonly retained: bigint }[] = []

  add(at: number, retained: bigint): void {
    const last = this.#samples.at(-1)
    if (last && at - last.at < APART_MS) this.#samples.pop()
    this.#samples.push({ at, retained })
    while ((this.#samples[0]?.at ?? at) < at - WINDOW_MS) this.#samples.shift()
  }

  /** Bytes per second over the last 10 minutes; undefined before a minute was seen, 0 if the slot retains no more than then. */
  get perSecond(): number | undefined {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.at - first.at < LEAST_MS) return undefined
    return Math.max(0, Number(last.retained - first.retained) / ((last.at - first.at) / 1000))
  }
}

const WINDOW_MS = 600_000
const LEAST_MS = 60_000
const APART_MS = 4_000
