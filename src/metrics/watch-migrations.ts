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

/**
 * Sets the gauges of the task queue's running migrations every 10 s until `signal` is aborted, by their query `status`: that tells of those
 * too for which no activity runs, and leaves nothing in their histories. What has ended goes to 0. Temporal's outages are waited out.
 */
export async function watchMigrations(client: Client, taskQueue: string, meter: MetricMeter, signal: AbortSignal): Promise<void> {
  const shown = new Map<string, GaugeValue[]>()
  const set = (migration: string, values: GaugeValue[]) => {
    for (const { name, value, labels } of values) {
      const { valueType, unit, meaning } = METRICS[name]
      meter.createGauge(name, valueType, unit, meaning).set(valueType === 'int' ? Math.round(value) : value, { migration, ...labels })
    }
  }
  while (!signal.aborted) {
    try {
      const running = await runningMigrations(client, taskQueue)
      for (const [migration, values] of shown) {
        if (running.includes(migration)) continue
        const ended = values.map((one) => ({ ...one, value: 0 }))
        set(migration, ended)
        shown.delete(migration)
      }
      for (const migration of running) {
        const status = await statusOf(client, migration)
        if (!status) continue
        const values = statusGauges(status, Date.now())
        set(migration, values)
        shown.set(migration, values)
      }
    } catch {
      // Temporal is away: the worker says so itself, and the next round comes.
    }
    await pause(INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

async function runningMigrations(client: Client, taskQueue: string): Promise<string[]> {
  const query = `WorkflowType = 'migrateDatabase' and ExecutionStatus = 'Running' and TaskQueue = '${taskQueue.replaceAll("'", "\\'")}'`
  const found: string[] = []
  for await (const { workflowId } of client.workflow.list({ query, pageSize: LIMIT })) {
    found.push(workflowId)
    if (found.length === LIMIT) break
  }
  return found
}

/** Undefined if it doesn't answer. */
async function statusOf(client: Client, workflowId: string): Promise<Status | undefined> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () => client.workflow.getHandle(workflowId).query<Status>('status'))
  } catch {
    return undefined
  }
}
