import { randomUUID } from 'node:crypto'
import type { Side } from '../errors/error-kind.ts'
import type { ActivityReport, ConnectionStatus, Status } from '../workflows/status.ts'
import type { Outage } from './reconnect-window.ts'

/** What a report tells, without whose and when it is. */
export type ReportContent = Omit<ActivityReport, 'firstRunId' | 'at'>

/** What the workflow shows now. */
export type ShownStatus = Pick<Status, 'asOf' | 'connection'>

export interface OutageReportsOptions {
  /** Asks the workflow; undefined if it does not answer. Leaves nothing in the history. */
  readonly shown: () => Promise<ShownStatus | undefined>
  /** Of signals with one `requestId` Temporal takes the first. Must not fail. */
  readonly send: (report: ReportContent, requestId: string) => Promise<void>
}

/** A recovered connection is told with the next report; by itself after this time, within the 2 s that status promises. */
const PATIENCE_MS = 1_500

/** Several activities lose a server at nearly one moment; a deadline that differs by less is no news. */
const SAME_DEADLINE_MS = 60_000

/**
 * Tells the workflow of lost and recovered connections. Each is one signal, however many activities notice it and however often
 * they try: whoever has something to tell first looks whether it is shown already.
 */
export class OutageReports {
  readonly #options: OutageReportsOptions
  readonly #recovered = new Set<Side>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: OutageReportsOptions) {
    this.#options = options
  }

  /** An attempt failed; `shown` is what the workflow showed just before. */
  async lost(side: Side, outage: Outage, shown: ShownStatus | undefined): Promise<void> {
    this.#recovered.delete(side)
    const there = shown?.connection[side]
    if (there?.state === 'reconnecting' && outage.deadline - Date.parse(there.deadline ?? '') < SAME_DEADLINE_MS) return
    const told: ConnectionStatus = {
      state: 'reconnecting',
      lostAt: new Date(outage.lostAt).toISOString(),
      deadline: new Date(outage.deadline).toISOString(),
    }
    const connection = { ...this.take(), [side]: told }
    await this.#options.send({ connection, undelayed: false }, requestId(`${side} lost`, shown))
  }

  recovered(side: Side): void {
    this.#recovered.add(side)
    this.#timer ??= setTimeout(() => void this.flush(), PATIENCE_MS)
  }

  /** What is to be told of recovered connections, for a report that is sent now. */
  take(): Partial<Record<Side, ConnectionStatus>> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const connected: ConnectionStatus = { state: 'connected' }
    const connection = Object.fromEntries([...this.#recovered].map((side) => [side, connected]))
    this.#recovered.clear()
    return connection
  }

  /** Tells now what no report has told yet. */
  async flush(): Promise<void> {
    const taken = this.take()
    if (Object.keys(taken).length === 0) return
    const shown = await this.#options.shown()
    const sides = (Object.keys(taken) as Side[]).filter((side) => shown?.connection[side].state !== 'connected')
    if (sides.length === 0) return
    const connection = Object.fromEntries(sides.map((side) => [side, taken[side]]))
    await this.#options.send({ connection }, requestId(`${sides.join(' and ')} back`, shown))
  }
}

/** The same for all who saw the same status: every report that the workflow takes changes its time. */
function requestId(what: string, shown: ShownStatus | undefined): string {
  return shown ? `${what} ${shown.asOf}` : randomUUID()
}
