import { setTimeout as pause } from 'node:timers/promises'
import { WorkflowFailedError } from '@temporalio/client'
import type { Client } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import type { MigrationReport } from '../src/workflows/migration-report.ts'
import type { Status } from '../src/workflows/status.ts'
import { stateOf } from './progress.ts'

const POLL_MS = 500
const QUERY_MS = 10_000

/** A running migration as its user sees it: by the query `status` and the workflow's result. */
export interface FollowedMigration {
  /** Resolves when `condition` holds for a status; rejects if the migration ends or waits for a person before, or after `minutes`. */
  until(what: string, minutes: number, condition: (status: Status) => boolean): Promise<Status>
  /** Resolves with the workflow's result; rejects with the reason, or after `minutes`. */
  report(minutes: number): Promise<MigrationReport>
}

export interface FollowOptions {
  readonly client: Client
  readonly workflowId: string
  readonly runId: string
  readonly signal: AbortSignal
  /** A migration that waits for a person has failed: nobody watches. */
  readonly unattended: boolean
  readonly onStatus: (status: Status) => void
}

/** Follows a migration until it ends; without a person watching, waiting for one is a failure. */
export function followMigration({ client, workflowId, runId, signal, unattended, onStatus }: FollowOptions): FollowedMigration {
  const handle = client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId })
  let ended = false
  const result: Promise<MigrationReport> = (handle.result() as Promise<MigrationReport>).finally(() => (ended = true))
  result.catch(() => undefined)

  const poll = async (): Promise<Status | undefined> => {
    // A worker that is just starting or busy answers later.
    const status = await client.withDeadline(Date.now() + QUERY_MS, () => handle.query<Status>('status')).catch(() => undefined)
    if (!status) return undefined
    onStatus(status)
    return status
  }

  const follow = async (what: string, minutes: number, condition: (status: Status) => boolean): Promise<Status | undefined> => {
    const deadline = Date.now() + minutes * 60_000
    let waiting = 0
    while (!ended) {
      signal.throwIfAborted()
      const status = await poll()
      if (status && condition(status)) return status
      waiting = status?.state === 'waiting' ? waiting + 1 : 0
      if (unattended && status && waiting > 2) throw new Error(`The migration is ${stateOf(status)}`)
      if (unattended && Date.now() > deadline) throw new Error(`The migration was not ${what} within ${minutes} minutes`)
      await pause(POLL_MS, undefined, { signal })
    }
    return undefined
  }

  const outcome = async (): Promise<MigrationReport> => {
    try {
      return await result
    } catch (error) {
      throw new Error(`The migration failed: ${reasonOf(error)}`, { cause: error })
    }
  }

  return {
    until: async (what, minutes, condition) => {
      const status = await follow(what, minutes, condition)
      if (status) return status
      await outcome()
      throw new Error(`The migration ended before it was ${what}`)
    },
    report: async (minutes) => {
      await follow('done', minutes, () => false)
      await poll()
      return await outcome()
    },
  }
}

/** The innermost reason of a workflow's failure, with its type. */
function reasonOf(error: unknown): string {
  if (!(error instanceof WorkflowFailedError)) return error instanceof Error ? error.message : String(error)
  let cause: Error | undefined = error.cause
  while (cause?.cause instanceof Error && !(cause instanceof ApplicationFailure)) cause = cause.cause
  const type = cause instanceof ApplicationFailure && cause.type ? `${cause.type}: ` : ''
  return `${type}${cause?.message ?? error.message}`
}
