/** What tells of the machine that recorded, in any field of any event; replay looks at none of it. */
const MACHINE: Readonly<Record<string, string>> = { identity: 'worker', stackTrace: '', binaryChecksum: '', buildId: '' }

/**
 * A history as JSON without the machine that made it: no process or host names (they stand in identities and in the names of
 * sticky queues), no stack traces (they hold paths). One event a line, so that a difference can be read.
 */
export function historyText(json: string): string {
  const { events } = JSON.parse(json, scrub) as { events: readonly unknown[] }
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`
}

function scrub(key: string, value: unknown): unknown {
  if (typeof value === 'string' && key in MACHINE) return MACHINE[key]
  // The sticky queue's name holds process and host; the queue that it stands for is in `normalName`.
  const { kind, normalName } = (value ?? {}) as { kind?: string; normalName?: string }
  if (key === 'taskQueue' && kind === 'TASK_QUEUE_KIND_STICKY' && normalName) return { name: normalName, kind: 'TASK_QUEUE_KIND_NORMAL' }
  return value
}
