/** One step of a cutover, by the workflow's clock. */
export interface CutoverStep {
  /** Its name, such as `raiseFence` or `drain`. */
  readonly step: string
  /** ISO 8601, in UTC. */
  readonly startedAt: string
  /** ISO 8601, in UTC. */
  readonly endedAt: string
}

/** More are only there if a cutover began anew many times; then the last count. */
const STEPS = 50

/** Notes when each step of a cutover began and ended, for the report. */
export class CutoverLedger {
  readonly #steps: CutoverStep[] = []

  get steps(): readonly CutoverStep[] {
    return this.#steps.slice(-STEPS)
  }

  /** Runs a step and notes it, unless it fails. */
  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    const startedAt = new Date().toISOString()
    const result = await work()
    this.#steps.push({ step, startedAt, endedAt: new Date().toISOString() })
    return result
  }
}
