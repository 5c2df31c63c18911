import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import type { MetricMeter } from '@temporalio/common'
import type { Status } from '../workflows/status.ts'
import { METRICS } from './metric-catalogue.ts'
import { statusGauges } from './status-gauges.ts'
import type { GaugeValue } from './status-gauges.ts'

const INTERVAL_MS = 10_000
const ANSWER_MS = 5_000
/** Of more migrations at once on a task queue the oldest ones have no gauges. */
const LIMIT = 100
/** So long `pgmove_failed` is 1. */
const FAILED_MS = 15 * 60_000

export interface WatchOptions {
  readonly client: Client
  readonly taskQueue: string
  readonly meter: MetricMeter
  readonly logger: { warn(message: string, meta: Record<string, unknown>): void }
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/**
 * Sets the gauges of the task queue's running migrations every 10 s, by their query `status`: that tells of those too for which no activity
 * runs, and leaves nothing in their histories. What has ended goes to 0; what has failed is told for a while. Outages of Temporal are waited
 * out: the log tells each reason once until the next success, and `pgmove_status_age_seconds` grows.
 */
export async function watchMigrations({ client, taskQueue, meter, logger, signal }: WatchOptions): Promise<void> {
  const gauges = new Gauges(meter)
  const told = new Set<string>()
  const failure = (what: string, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error)
    if (told.size < LIMIT && !told.has(`${what} ${reason}`)) logger.warn(what, { reason })
    told.add(`${what} ${reason}`)
  }
  while (!signal.aborted) {
    try {
      const ofQueue = `WorkflowType = 'migrateDatabase' and TaskQueue = '${taskQueue.replaceAll("'", "\\'")}'`
      const running = await workflowIds(client, `${ofQueue} and ExecutionStatus = 'Running'`)
      const since = new Date(Date.now() - FAILED_MS).toISOString()
      const ended = `ExecutionStatus in ('Failed', 'TimedOut', 'Terminated') and CloseTime > '${since}'`
      const failed = (await workflowIds(client, `${ofQueue} and ${ended}`)).filter((id) => !running.includes(id))
      gauges.keep(running, failed)
      let answered = true
      for (const migration of running) {
        try {
          gauges.answered(migration, await statusOf(client, migration))
        } catch (error) {
          answered = false
          failure('a migration did not tell its status', error)
        }
      }
      if (answered) told.clear()
    } catch (error) {
      failure('the migrations could not be listed', error)
    }
    gauges.age()
    await pause(INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

async function workflowIds(client: Client, query: string): Promise<string[]> {
  const found: string[] = []
  for await (const { workflowId } of client.workflow.list({ query, pageSize: LIMIT })) {
    found.push(workflowId)
    if (found.length === LIMIT) break
  }
  return found
}

async function statusOf(client: Client, workflowId: string): Promise<Status> {
  return await client.withDeadline(Date.now() + ANSWER_MS, () => client.workflow.getHandle(workflowId).query<Status>('status'))
}

/** What the gauges show now, so that it can be taken back. */
class Gauges {
  readonly #meter: MetricMeter
  readonly #shown = new Map<string, readonly GaugeValue[]>()
  /** When each running migration told its status last, or was seen first. */
  readonly #answeredAt = new Map<string, number>()
  #failed: readonly string[] = []

  constructor(meter: MetricMeter) {
    this.#meter = meter
  }

  /** Takes back what was shown of others. */
  keep(running: readonly string[], failed: readonly string[]): void {
    for (const [migration, values] of this.#shown) {
      if (running.includes(migration)) continue
      for (const value of values) this.#set(migration, { ...value, value: 0 })
      this.#shown.delete(migration)
    }
    for (const migration of this.#answeredAt.keys()) {
      if (running.includes(migration)) continue
      this.#set(migration, { name: 'pgmove_status_age_seconds', value: 0, labels: {} })
      this.#answeredAt.delete(migration)
    }
    for (const migration of running) if (!this.#answeredAt.has(migration)) this.#answeredAt.set(migration, Date.now())
    for (const migration of new Set([...running, ...failed, ...this.#failed])) {
      this.#set(migration, { name: 'pgmove_failed', value: failed.includes(migration) ? 1 : 0, labels: {} })
    }
    this.#failed = failed
  }

  answered(migration: string, status: Status): void {
    const now = Date.now()
    const values = statusGauges(status, now)
    for (const value of values) this.#set(migration, value)
    this.#shown.set(migration, values)
    this.#answeredAt.set(migration, now)
  }

  age(): void {
    for (const [migration, at] of this.#answeredAt) {
      this.#set(migration, { name: 'pgmove_status_age_seconds', value: (Date.now() - at) / 1000, labels: {} })
    }
  }

  #set(migration: string, { name, value, labels }: GaugeValue): void {
    const { valueType, unit, meaning } = METRICS[name]
    const gauge = this.#meter.createGauge(name, valueType, unit, meaning)
    gauge.set(valueType === 'int' ? Math.round(value) : value, { migration, ...labels })
  }
}
