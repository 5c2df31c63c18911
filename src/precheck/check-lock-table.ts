import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'

/** pg_dump and a copy under one snapshot lock every selected table in one transaction. */
export const lockTable: Check = {
  name: 'lock_table',
  expected: "the source's lock table has room for all selected tables at once",
  applies: ({ schema, full, incremental }) => schema || (full && !incremental),
  run: async ({ source, tables }) => {
    const [row] = await source.query<{ room: string }>(
      `select current_setting('max_locks_per_transaction')::bigint
              * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint) as room`,
    )
    const room = Number(row?.room)
    const found = `${tables.length} tables, room for ${room} locks`
    // Other sessions need some too.
    if (tables.length <= room * 0.8) return passed(found)
    return warning(found, 'Raise max_locks_per_transaction on the source and restart it, or migrate fewer tables at once.')
  },
}
