import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { awaitsCopy, readMigratedTables } from '../state/migrated-table.ts'

/**
 * Refuses, with an error of kind Internal, when a selected table has no record of a finished copy. Tables that an operator left out or
 * has marked to be copied again don't count: others answer for them.
 */
export async function checkCopied(target: Database, id: string): Promise<void> {
  const open = (await readMigratedTables(target, id)).filter(awaitsCopy)
  const [first] = open
  if (!first) return
  const table = qualified(first.sourceSchema, first.sourceTable)
  const others = open.length > 1 ? ` and ${open.length - 1} more` : ''
  throw new MigrationError('Internal', `On the target: the copy was to be over, but ${table}${others} is not recorded as copied.`, {
    side: 'target',
    table,
  })
}
