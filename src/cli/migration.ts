import type { WorkflowHandle } from '@temporalio/client'
import type { Status } from '../workflows/status.ts'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-code.ts'
import { isAbsence } from './request-error.ts'
import type { Temporal } from './temporal-connection.ts'
import { noWorkerText, workerPolls } from './worker-presence.ts'

/** How long a worker may take to answer. */
const ANSWER_MS = 10_000

export const MIGRATION_TYPE = 'migrateDatabase'

/** Temporal's word for how a workflow stands. */
export type WorkflowState = 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'TERMINATED' | 'TIMED_OUT' | 'CONTINUED_AS_NEW' | 'PAUSED'

/** A migration as Temporal knows it without asking a worker. */
export interface MigrationFacts {
  readonly workflowId: string
  readonly runId: string
  /** Of the first run: it continues as new. */
  readonly firstRunId: string
  readonly workflow: WorkflowState
  readonly taskQueue: string
  /** ISO 8601, of the newest run. */
  readonly startedAt: string
  readonly closedAt: string | null
  /** The types of the activities that run or are due. */
  readonly activities: readonly string[]
}

/**
 * Looks a migration up by its workflow ID.
 *
 * @throws CliError if there is none, or something else has this ID
 */
export async function findMigration(temporal: Temporal, workflowId: string): Promise<MigrationFacts> {
  const description = await temporal.client
    .withDeadline(Date.now() + ANSWER_MS, () => temporal.client.workflow.getHandle(workflowId).describe())
    .catch((error: unknown) => {
      throw isUnknownWorkflow(error) ? unknownMigration(temporal, workflowId) : error
    })
  if (description.type !== MIGRATION_TYPE) {
    throw new CliError(EXIT.failed, 'NoMigration', `${workflowId} is a workflow of the type ${description.type}, not a migration.`)
  }
  return {
    workflowId,
    runId: description.runId,
    firstRunId: description.raw.workflowExecutionInfo?.firstRunId || description.runId,
    workflow: description.status.name as WorkflowState,
    taskQueue: description.taskQueue,
    startedAt: description.startTime.toISOString(),
    closedAt: description.closeTime?.toISOString() ?? null,
    activities: (description.raw.pendingActivities ?? []).flatMap(({ activityType }) => activityType?.name ?? []),
  }
}

function isUnknownWorkflow(error: unknown): boolean {
  return error instanceof Error && error.name === 'WorkflowNotFoundError'
}

function unknownMigration({ namespace, address }: Temporal, workflowId: string): CliError {
  return new CliError(
    EXIT.failed,
    'NoMigration',
    `There is no migration ${workflowId} in the namespace ${namespace} at ${address}.\npgmove list shows those that there are.`,
  )
}

/** Asks a migration's worker for its status; a closed one still answers. */
export async function queryStatus(temporal: Temporal, facts: MigrationFacts): Promise<Status> {
  const handle = temporal.client.workflow.getHandle(facts.workflowId, facts.runId)
  return await answered(temporal, facts, undefined, () => handle.query<Status>('status'))
}

/**
 * Sends an update and waits for its answer.
 *
 * @throws CliError with the reason if the migration rejects it, has ended, or nobody answers
 */
export async function sendUpdate<T = undefined>(temporal: Temporal, facts: MigrationFacts, name: string, argument?: unknown): Promise<T> {
  const { workflowId } = facts
  demandOpen(facts)
  const handle: WorkflowHandle = temporal.client.workflow.getHandle(workflowId)
  try {
    return await answered(temporal, facts, name, () =>
      argument === undefined ? handle.executeUpdate<T, []>(name) : handle.executeUpdate<T, [unknown]>(name, { args: [argument] }),
    )
  } catch (error) {
    if (isUnknownWorkflow(error)) throw ended(facts)
    throw rejection(error) ?? error
  }
}

/** @throws CliError if the migration is over */
export function demandOpen(facts: MigrationFacts): void {
  if (!isOpen(facts)) throw ended(facts)
}

export function isOpen({ workflow }: MigrationFacts): boolean {
  return workflow === 'RUNNING' || workflow === 'PAUSED'
}

function ended({ workflowId, workflow }: MigrationFacts): CliError {
  const how = workflow === 'RUNNING' ? 'has ended' : `is over (${workflow.toLowerCase().replace('_', ' ')})`
  return new CliError(EXIT.failed, 'Ended', `The migration ${workflowId} ${how}.\npgmove report ${workflowId} tells how.`)
}

function rejection(error: unknown): CliError | undefined {
  if (!(error instanceof Error) || error.name !== 'WorkflowUpdateFailedError') return undefined
  const reason = error.cause instanceof Error ? error.cause.message : error.message
  return new CliError(EXIT.failed, 'Rejected', `Not possible: ${reason}`, { cause: error })
}

/** Runs a request that a worker answers, within 10 s; where none polls it is not sent, since it would be lost or take effect late. */
async function answered<T>(temporal: Temporal, facts: MigrationFacts, update: string | undefined, request: () => Promise<T>): Promise<T> {
  if (!(await workerPolls(temporal, facts.taskQueue))) {
    const kept = update === undefined ? '' : `\nNothing was sent. The signal ${update} would be kept until a worker runs.`
    throw new CliError(EXIT.unreachable, 'NoWorker', `${noWorkerText(facts.taskQueue, temporal.namespace)}${kept}`)
  }
  try {
    return await temporal.client.withDeadline(Date.now() + ANSWER_MS, request)
  } catch (error) {
    if (!isAbsence(error) && (error as Error).name !== 'WorkflowUpdateRPCTimeoutOrCancelledError') throw error
    const late = update === undefined ? '' : `\n${update} was sent and may still take effect: pgmove status tells.`
    const reason = `The migration ${facts.workflowId} did not answer within ${ANSWER_MS / 1000} s: its worker may be busy, or have died a moment ago.${late}`
    throw new CliError(EXIT.unreachable, 'NoAnswer', reason, { cause: error })
  }
}
