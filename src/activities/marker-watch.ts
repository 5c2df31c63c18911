import { checkNothingBehind, watchMarkers } from '../cutover/markers.ts'
import type { Database } from '../postgres/connect.ts'
import type { StreamMarkers } from '../replication/apply-stream.ts'
import { beat, HEARTBEAT_SETTINGS } from '../source/heartbeat.ts'
import type { ActivityRun } from './activity-run.ts'

/** Runs beside the stream of a cutover behind a fence and learns its markers. A failure of its own aborts the stream. */
export class MarkerWatch implements StreamMarkers {
  quietFrom: bigint | undefined
  until: bigint | undefined
  readonly #run: ActivityRun
  readonly #source: Database
  readonly #target: Database
  readonly #abort = new AbortController()
  #watching: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined

  private constructor(run: ActivityRun, source: Database, target: Database) {
    this.#run = run
    this.#source = source
    this.#target = target
  }

  /** Resolves when those that are known already have been read. */
  static async start(run: ActivityRun, cutover: string): Promise<MarkerWatch> {
    const source = await run.connect('source', 'marker beat', { lockTimeoutMs: 2000, settings: HEARTBEAT_SETTINGS })
    const watch = new MarkerWatch(run, source, await run.connect('target', 'marker watch'))
    await new Promise<void>((resolve) => {
      watch.#watching = watch.#watch(cutover, resolve).finally(resolve)
    })
    return watch
  }

  /** Aborted when the watch has failed. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Once the stream has come to its end. */
  async prove(): Promise<void> {
    await this.stop()
    this.throwIfFailed()
    await checkNothingBehind(this.#target, this.#run.id)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#watching
  }

  async #watch(cutover: string, onLooked: () => void): Promise<void> {
    try {
      await watchMarkers(this.#target, this.#run.id, cutover, {
        signal: this.#abort.signal,
        onLooked,
        onMarkers: async ({ quietFrom, until }) => {
          this.quietFrom = quietFrom
          this.until = until
          // So that something stands behind it in the stream at once.
          await beat(this.#source, this.#run.id)
        },
      })
    } catch (error) {
      if (this.#abort.signal.aborted) return
      this.#failure = { error }
      this.#abort.abort()
    }
  }
}
