import { isCancellation } from '@temporalio/workflow'
import { validateConnectionTest } from '../spec/connection-test-argument.ts'
import type { ConnectionSpec } from '../spec/migration-spec.ts'
import { connectionActivity } from './activity-options.ts'
import type { ConnectionDiagnosis } from './connection-activities.ts'
import { invalidSpec } from './invalid-spec.ts'
import { applicationFailure } from './migration.ts'

/** What `testConnection` found, for each side that it was asked about. */
export interface ConnectionTestResult {
  /** Absent if it was not asked for. */
  readonly source?: ConnectionDiagnosis
  /** Absent if it was not asked for. */
  readonly target?: ConnectionDiagnosis
}

/** Tries the connections of a migration from a worker, step by step, as each side is needed, and changes nothing there. */
export async function testConnection(input: unknown): Promise<ConnectionTestResult> {
  const checked = validateConnectionTest(input)
  if ('problems' in checked) throw invalidSpec(checked.problems)
  const { source, target } = checked.argument
  const [ofSource, ofTarget] = await Promise.all([diagnosed('source', source), diagnosed('target', target)])
  return { ...(ofSource && { source: ofSource }), ...(ofTarget && { target: ofTarget }) }
}

async function diagnosed(side: 'source' | 'target', connection: ConnectionSpec | undefined): Promise<ConnectionDiagnosis | undefined> {
  if (!connection) return undefined
  try {
    return await connectionActivity('diagnoseConnection', `Try the connection of the ${side}`)({ side, connection })
  } catch (error) {
    throw isCancellation(error) ? error : applicationFailure(error)
  }
}
