import type { MetricMeter } from '@temporalio/common'
import { METRICS } from './metric-catalogue.ts'

/** Counts what an activity of a migration does. Costs next to nothing where no metrics are served. */
export class WorkCounters {
  readonly #meter: MetricMeter

  /** @param migration the workflow ID */
  constructor(meter: MetricMeter, migration: string) {
    this.#meter = meter.withTags({ migration })
  }

  copied(rows: number, bytes: number): void {
    this.#add('pgmove_copied_rows', rows)
    this.#add('pgmove_copied_bytes', bytes)
  }

  /** One target transaction. */
  applied(transactions: number, changes: number): void {
    this.#add('pgmove_applied_transactions', transactions)
    this.#add('pgmove_applied_changes', changes)
    const { valueType, unit, meaning } = METRICS.pgmove_batch_changes
    this.#meter.createHistogram('pgmove_batch_changes', valueType, unit, meaning).record(changes)
  }

  #add(name: CounterName, value: number): void {
    this.#meter.createCounter(name, METRICS[name].unit, METRICS[name].meaning).add(value)
  }
}

type CounterName = 'pgmove_copied_rows' | 'pgmove_copied_bytes' | 'pgmove_applied_transactions' | 'pgmove_applied_changes'
