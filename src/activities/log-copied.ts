import type { CopiedTable } from '../copy/copy-record.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { ActivityRun } from './activity-run.ts'

/** Writes to the log that a table was copied, unless an earlier attempt had done it. */
export function logCopied(run: ActivityRun, table: MigratedTable | undefined, { rows, bytes, now }: CopiedTable): void {
  if (!table || !now) return
  run.log('info', 'table copied', { table: `${table.sourceSchema}.${table.sourceTable}`, rows, bytes })
}
