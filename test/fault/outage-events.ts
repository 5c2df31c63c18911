import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { Side } from '../../src/errors/error-kind.ts'
import type { ActivityReport } from '../../src/workflows/status.ts'

type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number]

/**
 * What an outage left in the history, from the report of the side's loss, which came after `since` events, to what the report of its return
 * brought about: signals with what they told. A later report that replication is undelayed again is not counted.
 */
export async function outageEvents(handle: WorkflowHandle, side: Side, since: number): Promise<string[]> {
  const events = (await handle.fetchHistory()).events ?? []
  const tells = (event: HistoryEvent, state: string): boolean => reportOf(event)?.connection?.[side]?.state === state
  const lost = events.findIndex((event, at) => at >= since && tells(event, 'reconnecting'))
  const back = events.findIndex((event, at) => at > lost && tells(event, 'connected'))
  assert.ok(lost >= 0 && back >= 0, `no report of the loss and return of the ${side} after event ${since}`)
  const next = events.findIndex((event, at) => at > back && event.workflowExecutionSignaledEventAttributes)
  return events
    .slice(lost, next === -1 ? undefined : next)
    .map((event) => (event.workflowExecutionSignaledEventAttributes ? JSON.stringify(reportOf(event)) : `event ${event.eventType}`))
}

function reportOf({ workflowExecutionSignaledEventAttributes: signal }: HistoryEvent): ActivityReport | undefined {
  if (signal?.signalName !== 'report') return undefined
  return JSON.parse(Buffer.from(signal.input?.payloads?.[0]?.data ?? []).toString()) as ActivityReport
}
