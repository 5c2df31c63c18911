import type { Database } from '../postgres/connect.ts'
import { MigrationError } from '../errors/migration-error.ts'
import { qualified } from '../postgres/quote.ts'
import { pause } from '../source/retry-on-lock.ts'
import type { TableName } from '../source/selected-tables.ts'
import { note } from '../state/migration-record.ts'
import { BEGIN_SNAPSHOT } from './open-snapshot.ts'

/** One snapshot for all tables, for a migration without incremental replication. */
export interface SharedSnapshot {
  /** For `set transaction snapshot` in other sessions of the same database. */
  readonly name: string
  /** Ends the transaction that holds it. */
  release(): Promise<void>
}

const BATCH = 100
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000

/**
 * Locks all tables against rewrites and only then takes the snapshot: a table that is rewritten in between would look empty
 * (HANDOFF.md, F9). `leader` is used for nothing else until the release; the snapshot is lost with its session.
 */
export async function openSharedSnapshot(leader: Database, tables: readonly TableName[], signal: AbortSignal): Promise<SharedSnapshot> {
  await leader.query(BEGIN_SNAPSHOT)
  await leader.query(`set local lock_timeout = '2s'`)
  for (let at = 0; at < tables.length; at += BATCH) await lockTables(leader, tables.slice(at, at + BATCH), signal)
  const [row] = await leader.query<{ name: string }>('select pg_export_snapshot() as name')
  return { name: row?.name ?? '', release: async () => void (await leader.query('commit')) }
}

/** A lock that can't be had in 2 s is asked for again, so that the application does not queue behind it; the others are kept. */
async function lockTables(leader: Database, tables: readonly TableName[], signal: AbortSignal): Promise<void> {
  const list = tables.map(({ schema, name }) => `only ${qualified(schema, name)}`).join(', ')
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    await leader.query('savepoint tables')
    try {
      await leader.query(`lock table ${list} in access share mode`)
      await leader.query('release savepoint tables')
      return
    } catch (error) {
      if (!(error instanceof MigrationError) || error.kind !== 'LockTimeout') throw error
    }
    await leader.query('rollback to savepoint tables')
    await leader.query('release savepoint tables')
    await pause(pauseMs, signal)
  }
}

/** A new snapshot makes copies under the former one worthless: everything is to be copied again, and that is noted. */
export async function forgetCopies(target: Database, id: string): Promise<number> {
  return target.transaction(async () => {
    const again = await target.execute(
      `update pgmove.migrated_table set copied_at = null, rows = 0, bytes = 0 where id = $1 and copied_at is not null`,
      [id],
    )
    if (again > 0)
      await note(
        target,
        id,
        'repeated',
        'all tables',
        'The session that held the snapshot of the copy was lost; all tables were copied again.',
      )
    return again
  })
}
