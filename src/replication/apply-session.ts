import type { Database } from '../postgres/connect.ts'

/** A lock that is not had by then is asked for again by the next attempt, so that a stall shows. */
const LOCK_TIMEOUT = '60s'

/**
 * A commit that returned must be durable, for the slot is told so: an asynchronous commit that the server, database or role has as default becomes
 * a local one.
 */
export async function durableCommits(target: Database): Promise<void> {
  await target.query(`select set_config('synchronous_commit', 'local', false) where current_setting('synchronous_commit') = 'off'`)
}

/** Sets a session up for applying changes. */
export async function prepareApplySession(target: Database, { replicaRole }: { replicaRole: boolean }): Promise<void> {
  await durableCommits(target)
  await target.query(`select set_config('lock_timeout', $1, false)`, [LOCK_TIMEOUT])
  // Rows are found by an index, one by one: a plan made without statistics, as there are none right after the copy, may read whole
  // tables instead. Where there is no index, the table is read in any case.
  await target.query(
    `select set_config(name, 'off', false) from unnest(array['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan']) as s (name)`,
  )
  await target.query(`select set_config('work_mem', '32MB', false)`)
  if (replicaRole) await target.query('set session_replication_role = replica')
}
