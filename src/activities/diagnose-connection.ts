import { diagnoseConnection as diagnose } from '../diagnosis/diagnose-connection.ts'
import type { ConnectionActivities } from '../workflows/connection-activities.ts'
import type { ActivityServices } from './activity-run.ts'
import { standaloneActivity } from './standalone-activity.ts'

/** Tries a connection step by step; see ConnectionActivities. */
export function diagnoseConnection({ env }: ActivityServices): ConnectionActivities['diagnoseConnection'] {
  return standaloneActivity('Start testConnection again.', (run, { side, connection }) =>
    diagnose({ side, connection, env, signal: run.signal }),
  )
}
