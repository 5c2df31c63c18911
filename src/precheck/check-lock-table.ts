import type { Database } from '../postgres/connect.ts'
import { managedService, setParameter } from '../diagnosis/managed-service.ts'
import { failed, passed, warning } from './finding.ts'
import type { Check } from './check.ts'

/** Other sessions need some too. */
const COMFORTABLE = 0.8
/** What fits at most: the lock table spills into spare shared memory. Measured on 10 and 17 with default settings: 1.5 to 1.6. */
const AT_MOST = 1.6
/** Tables that one transaction of the copy fills, as src/copy/copy-batches.ts says, and what is locked with each: TOAST table, indexes. */
const TOGETHER = 100
const PER_TABLE = 4

/**
 * pg_dump and a copy under one snapshot lock every selected table in one transaction. Everything else goes in batches.
 */
export const lockTable: Check = {
  name: 'lock_table',
  expected: "the source's lock table has room for all selected tables at once, the target's for those that are copied together",
  applies: ({ schema, full }) => schema || full,
  run: async ({ source, target, tables, schema, full, incremental }) => {
    const atOnce = schema || !incremental ? tables.length : Math.min(tables.length, TOGETHER)
    const sides = [
      { side: 'source', database: source, needed: atOnce },
      { side: 'target', database: target, needed: full ? Math.min(tables.length, TOGETHER) * PER_TABLE : 0 },
    ] as const
    const found: string[] = []
    const fixes: string[] = []
    let worst = 0
    for (const { side, database, needed } of sides) {
      const { locks, backends } = await lockTableSize(database)
      const room = locks * backends
      found.push(`${side === 'source' ? `${tables.length} tables` : 'target'}, room for about ${room} locks`)
      worst = Math.max(worst, needed / room)
      if (needed <= room * COMFORTABLE) continue
      const wanted = Math.ceil(needed / COMFORTABLE / backends)
      const fix = setParameter(await managedService(database), 'max_locks_per_transaction', String(wanted), 'restart')
      fixes.push(`On the ${side} (now ${locks}): ${fix}`)
    }
    if (fixes.length === 0) return passed(found.join('; '))
    const fix = `${fixes.join(' ')} Or migrate fewer tables at once.`
    return worst > AT_MOST ? failed(found.join('; '), fix) : warning(found.join('; '), fix)
  },
}

/** NLOCKENTS of lock.c; MaxBackends of postinit.c, to which WAL senders belong since 12. */
async function lockTableSize(database: Database): Promise<{ locks: number; backends: number }> {
  const [row] = await database.query<{ locks: string; backends: string }>(
    `select current_setting('max_locks_per_transaction') as locks,
            current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint
            + current_setting('autovacuum_max_workers')::bigint + 1 + current_setting('max_worker_processes')::bigint
            ${database.version >= 120000 ? `+ current_setting('max_wal_senders')::bigint` : ''} as backends`,
  )
  return { locks: Number(row?.locks), backends: Number(row?.backends) }
}
