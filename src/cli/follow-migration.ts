import { setTimeout as pause } from 'node:timers/promises'
import type { Status } from '../workflows/status.ts'
import { CliError } from './cli-error.ts'
import { failureOf } from './failure.ts'
import type { Failure } from './failure.ts'
import { EXIT } from './exit-code.ts'
import { findMigration, isOpen, queryStatus } from './migration.ts'
import type { MigrationFacts } from './migration.ts'
import { isAbsence, requestError } from './request-error.ts'
import type { Temporal } from './temporal-connection.ts'

/** What there is to see of a migration at one moment. */
export type Sight =
  | { readonly kind: 'status'; readonly facts: MigrationFacts; readonly status: Status }
  /** Temporal or the worker does not answer; that is asked again. */
  | { readonly kind: 'absent'; readonly reason: string; readonly since: Date }
  /** The workflow is closed; the last one. */
  | { readonly kind: 'ended'; readonly facts: MigrationFacts; readonly status: Status | undefined; readonly failure: Failure | undefined }

export interface FollowOptions {
  /** Default 1000 */
  readonly everyMs?: number
  /** Ends the sequence. */
  readonly signal: AbortSignal
}

/**
 * Looks at a migration again and again until it ends or `signal` is aborted. Survives the absence of Temporal and of workers; the first look is
 * the one that may fail for a wrong ID or settings.
 */
export async function* followMigration(
  temporal: Temporal,
  workflowId: string,
  { everyMs = 1000, signal }: FollowOptions,
): AsyncGenerator<Sight, void, void> {
  let absentSince: Date | undefined
  await findMigration(temporal, workflowId)
  while (!signal.aborted) {
    try {
      // A signal of its own for each look: requests leave their listeners on it.
      const sight = await temporal.client.withAbortSignal(AbortSignal.any([signal]), () => look(temporal, workflowId))
      absentSince = undefined
      yield sight
      if (sight.kind === 'ended') return
    } catch (error) {
      if (signal.aborted) return
      const known = requestError(error)
      const absent = isAbsence(error) || (known instanceof CliError && known.code === EXIT.unreachable)
      if (!absent) throw known
      absentSince ??= new Date()
      yield { kind: 'absent', reason: (known as Error).message, since: absentSince }
    }
    await pause(everyMs, undefined, { signal }).catch(() => undefined)
  }
}

async function look(temporal: Temporal, workflowId: string): Promise<Exclude<Sight, { kind: 'absent' }>> {
  const facts = await findMigration(temporal, workflowId)
  if (!isOpen(facts)) return lastSight(temporal, facts)
  return { kind: 'status', facts, status: await queryStatus(temporal, facts) }
}

async function lastSight(temporal: Temporal, facts: MigrationFacts): Promise<Extract<Sight, { kind: 'ended' }>> {
  const handle = temporal.client.workflow.getHandle(facts.workflowId, facts.runId)
  const failure = facts.workflow === 'COMPLETED' ? undefined : await handle.result().then(() => undefined, failureOf)
  const status = await queryStatus(temporal, facts).catch(() => undefined)
  return { kind: 'ended', facts, status, failure }
}
