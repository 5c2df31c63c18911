import { failed, passed, warning } from './finding.ts'
import type { Check } from './check.ts'

/** Other sessions need some too. */
const COMFORTABLE = 0.8
/** What fits at most: the lock table spills into spare shared memory. Measured on 10 and 17 with default settings: 1.5 to 1.6. */
const AT_MOST = 1.6

/**
 * pg_dump and a copy under one snapshot lock every selected table in one transaction. Everything else goes in batches that
 * fit default settings.
 */
export const lockTable: Check = {
  name: 'lock_table',
  expected: "the source's lock table has room for all selected tables at once",
  applies: ({ schema, full, incremental }) => schema || (full && !incremental),
  run: async ({ source, tables }) => {
    // NLOCKENTS of lock.c; MaxBackends of postinit.c, to which WAL senders belong since 12.
    const [row] = await source.query<{ locks: string; backends: string }>(
      `select current_setting('max_locks_per_transaction') as locks,
              current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint
              + current_setting('autovacuum_max_workers')::bigint + 1 + current_setting('max_worker_processes')::bigint
              ${source.version >= 120000 ? `+ current_setting('max_wal_senders')::bigint` : ''} as backends`,
    )
    const [locks, backends] = [Number(row?.locks), Number(row?.backends)]
    const room = locks * backends
    const found = `${tables.length} tables, room for about ${room} locks`
    if (tables.length <= room * COMFORTABLE) return passed(found)
    const wanted = Math.ceil(tables.length / COMFORTABLE / backends)
    const fix =
      `alter system set max_locks_per_transaction = ${wanted}; on the source (now ${locks}), then restart it; ` +
      'or migrate fewer tables at once.'
    return tables.length > room * AT_MOST ? failed(found, fix) : warning(found, fix)
  },
}
