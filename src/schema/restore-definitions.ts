import { restoreInBatches } from './restore-entries.ts'
import type { RestoreOptions } from './restore-entries.ts'
import { readRemaining } from './stored-entry.ts'

/**
 * Creates what has to be there before the data: schemas, extensions, types, functions, tables, views, sequences, defaults, and the
 * empty indexes of partitioned tables. Each exactly once, whatever was done before and by whom.
 *
 * @throws MigrationError `SchemaMismatch` when the target refuses an object, naming it
 */
export async function restoreDefinitions(options: RestoreOptions): Promise<{ restored: number }> {
  const entries = await readRemaining(options.target, options.id, 'definition')
  return { restored: await restoreInBatches(entries, options) }
}
