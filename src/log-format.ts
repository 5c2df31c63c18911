import type { LogEntry } from '@temporalio/worker'

/**
 * How the worker's log entries are written: PGMOVE_LOG_FORMAT, `text` (default; undefined: as the SDK writes them) or `json`, one object a line on
 * stderr with `time`, `level`, `message` and the entry's attributes (workflow ID, run ID, activity, attempt). Throws if it is neither.
 */
export function logFormat(format: string | undefined): ((entry: LogEntry) => void) | undefined {
  if (!format || format === 'text') return undefined
  if (format !== 'json') throw new Error('PGMOVE_LOG_FORMAT must be text or json')
  return (entry) => process.stderr.write(`${jsonLine(entry)}\n`)
}

/** Attributes that JSON has no word for are written as text; errors with what they say. */
export function jsonLine({ timestampNanos, level, message, meta }: LogEntry): string {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString()
  return JSON.stringify({ ...meta, time, level, message }, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value
  })
}
