import { workflowState } from '../clean-up/workflow-state.ts'
import { putTargetBack } from '../cutover/restore-target.ts'
import type { Database } from '../postgres/connect.ts'
import { updateMigrationRecord } from '../state/migration-record.ts'
import type { ActivityRun } from './activity-run.ts'

/**
 * Puts back what migrations have switched off on this target and could not put back themselves, as their workflows were terminated: a
 * trigger that one of them disabled would else pass for the user's own choice. Temporal knows which of them are over; what it does
 * not know, and what another namespace runs, is left alone.
 */
export async function closeAbandoned(run: ActivityRun, target: Database): Promise<void> {
  const { namespace } = run.context.info
  const others = await target.query<{ id: string; workflow_id: string; first_run_id: string }>(
    `select id, workflow_id, first_run_id from pgmove.migration
      where id <> $1 and namespace = $2 and finished_at is null order by created_at`,
    [run.id, namespace],
  )
  for (const { id, workflow_id, first_run_id } of others) {
    run.signal.throwIfAborted()
    const state = await workflowState(run.context.client, namespace, { workflowId: workflow_id, firstRunId: first_run_id })
    if (state !== 'closed') continue
    // A worker that has not yet heard of the end must not switch anything off again.
    await target.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where left(application_name, $2) = $1 and datname = current_database() and usename = current_user and pid <> pg_backend_pid()`,
      [`pgmove ${id} `, String(`pgmove ${id} `.length)],
    )
    await putTargetBack(target, id)
    await updateMigrationRecord(target, id, { outcome: 'terminated', finished_at: new Date(run.services.now()).toISOString() })
  }
}
