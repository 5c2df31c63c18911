/** One of pgmove's own metrics. */
export interface MetricMeaning {
  readonly kind: 'gauge' | 'counter' | 'histogram'
  readonly valueType: 'int' | 'float'
  readonly unit: string
  /** Beside `migration`, the workflow ID. */
  readonly labels: readonly string[]
  readonly meaning: string
}

const gauge = (unit: string, meaning: string, labels: readonly string[] = [], valueType: 'int' | 'float' = 'int'): MetricMeaning => ({
  kind: 'gauge',
  valueType,
  unit,
  labels,
  meaning,
})

const counter = (unit: string, meaning: string): MetricMeaning => ({ kind: 'counter', valueType: 'int', unit, labels: [], meaning })

/**
 * Every metric of pgmove's own. Gauges come from the migrations' `status` and are the same on every worker of the task queue; counters
 * and histograms are what the one worker process did. No label tells a table: there can be thousands.
 */
export const METRICS = {
  pgmove_phase: gauge('1', '1 for the phase that the migration is in, else 0.', ['phase']),
  pgmove_state: gauge('1', '1 for the state that the migration is in, else 0. `waiting` needs a person.', ['state']),
  pgmove_failed: gauge('1', '1 for 15 minutes after the migration has failed, timed out or was terminated, else 0.'),
  pgmove_status_age_seconds: gauge(
    'seconds',
    'How old what the other gauges show is: 0 but for seconds, unless Temporal or all workers are away.',
    [],
    'float',
  ),
  pgmove_undelayed: gauge('1', '1 if changes reach the target within `lag.undelayed`.'),
  pgmove_lag_seconds: gauge('seconds', 'Age of the newest change on the target. 0 while it is not known.', [], 'float'),
  pgmove_lag_bytes: gauge('bytes', 'WAL of the source that is not applied yet.'),
  pgmove_slot_retained_bytes: gauge('bytes', 'WAL that the source keeps for the slot.'),
  pgmove_slot_warning: gauge('1', '1 while `status.warnings` has something to say of the slot: its WAL nears a limit.'),
  pgmove_outage_seconds: gauge('seconds', 'How long the side has been away; 0 while it is there.', ['side'], 'float'),
  pgmove_outage_remaining_seconds: gauge('seconds', 'Until the reconnect window ends; 0 while the side is there.', ['side'], 'float'),
  pgmove_tables: gauge('tables', 'Tables that the migration copies.'),
  pgmove_tables_copied: gauge('tables', 'Tables that are copied.'),
  pgmove_copy_bytes: gauge('bytes', 'What the copy will come to, as estimated.'),
  pgmove_copy_bytes_done: gauge('bytes', 'What of it is copied, by all workers together.'),
  pgmove_copied_rows: counter('rows', 'Rows that this worker copied; what was copied twice counts twice.'),
  pgmove_copied_bytes: counter('bytes', 'Bytes that this worker copied.'),
  pgmove_applied_transactions: counter('transactions', 'Source transactions that this worker applied.'),
  pgmove_applied_changes: counter('changes', 'Changes of rows that this worker applied.'),
  pgmove_batch_changes: {
    kind: 'histogram',
    valueType: 'int',
    unit: 'changes',
    labels: [],
    meaning: 'Changes that went to the target in one transaction.',
  },
} as const satisfies Readonly<Record<string, MetricMeaning>>

export type MetricName = keyof typeof METRICS

/** Upper bounds of the histograms' buckets. */
export const BUCKETS: Readonly<Record<string, number[]>> = { pgmove_batch_changes: [1, 10, 100, 1_000, 10_000, 100_000] }

/** The catalogue as a Markdown table. */
export function metricReference(): string {
  const rows = Object.entries<MetricMeaning>(METRICS).map(
    ([name, { kind, unit, labels, meaning }]) =>
      `| \`${name}\` | ${kind} | ${unit} | ${['migration', ...labels].join(', ')} | ${meaning} |`,
  )
  return ['| metric | type | unit | labels | meaning |', '| --- | --- | --- | --- | --- |', ...rows, ''].join('\n')
}
