import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'

/** Whether the session may set session_replication_role, under which neither triggers nor foreign keys act. Changes nothing. */
export async function canSetReplicaRole(target: Database): Promise<boolean> {
  try {
    await target.transaction(async () => {
      await target.query('set local session_replication_role = replica')
    })
    return true
  } catch (error) {
    if (error instanceof MigrationError && error.kind === 'InsufficientPrivilege') return false
    throw error
  }
}
