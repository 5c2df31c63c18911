import { isCancellation, setDefaultSignalHandler } from '@temporalio/workflow'
import type { ApplicationFailure } from '@temporalio/workflow'
import { validateSpec } from '../spec/validate-spec.ts'
import { activity } from './activity-options.ts'
import { invalidSpec } from './invalid-spec.ts'
import { applicationFailure } from './migration.ts'
import type { PrecheckResult } from './status.ts'
import { workflowRef } from './workflow-ref.ts'

/** Kinds of errors that the precheck itself answers with: no item could be looked at because a connection does not come about. */
const CONNECTION_KINDS: ReadonlySet<string> = new Set([
  'SourceUnreachable',
  'TargetUnreachable',
  'AuthenticationFailed',
  'InsufficientPrivilege',
  'DatabaseMissing',
  'OutOfResources',
])

/**
 * Checks both databases as the first phase of a migration does, and touches nothing. A server that can't be reached is not waited for:
 * it is the Failed item `connection`.
 */
export async function precheckMigration(input: unknown): Promise<PrecheckResult> {
  // Reports of lost connections, which no query shows.
  setDefaultSignalHandler(() => undefined)
  const checked = validateSpec(input)
  if ('problems' in checked) throw invalidSpec(checked.problems)
  const ref = workflowRef()
  // Whoever asks is there to see the answer: one loss is tried again, an outage is the answer.
  const spec = { ...checked.spec, reconnectWindowMs: Math.min(checked.spec.reconnectWindowMs, RECONNECT_WINDOW_MS) }
  try {
    const { status, items } = await activity('precheck', 'Check both databases')({ ref, spec, ignoreWarnings: spec.ignoreWarnings })
    return { status, items }
  } catch (error) {
    if (isCancellation(error)) throw error
    const failure = applicationFailure(error)
    if (!CONNECTION_KINDS.has(failure.type ?? '')) throw failure
    return { status: 'Failed', items: [connectionItem(failure)] }
  }
}

const RECONNECT_WINDOW_MS = 5_000

function connectionItem({ type, message }: ApplicationFailure): PrecheckResult['items'][number] {
  return {
    name: 'connection',
    status: 'Failed',
    found: `${type ?? ''}: ${message}`.slice(0, 600),
    expected: 'both servers let the worker in',
    fix: 'Start the workflow type testConnection with the same source and target: it tells the step at which the connection fails.',
    objects: [],
    objectCount: 0,
  }
}
