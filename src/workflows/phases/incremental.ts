import { runChangeStream } from '../change-stream-run.ts'
import type { Migration } from '../migration.ts'
import type { Phase } from '../status.ts'

/** Applies the stream until a cutover was asked for and replication is undelayed. */
export async function incremental(migration: Migration): Promise<Phase> {
  const { state } = migration
  const result = await runChangeStream(migration, {
    summary: 'Apply changes of the source',
    until: null,
    copiesBeside: true,
    interrupted: () => state.cutoverRequested && state.undelayed,
  })
  return result === 'interrupted' ? 'cutover' : 'incremental'
}
