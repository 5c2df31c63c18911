import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { retryOnLock } from '../source/retry-on-lock.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note, readMigrationRecord, updateMigrationRecord } from '../state/migration-record.ts'
import { importSnapshot } from './import-snapshot.ts'
import { BEGIN_SNAPSHOT, gone, isMissing } from './open-snapshot.ts'
import { readTableShapes } from './table-columns.ts'

/** One snapshot for all tables, for a migration without incremental replication. */
export interface SharedSnapshot {
  /** Fails as the session does that holds it, if that is lost. */
  check(): Promise<void>
  /**
   * Gives a new session, in place of one that was lost, the snapshot, and locks its tables again. Fails if a table was rewritten, emptied or
   * made anew in between.
   */
  rejoin(session: Database, tables: readonly MigratedTable[]): Promise<void>
  /** Ends the sessions' transactions. */
  release(): Promise<void>
}

const BATCH = 100

/**
 * Locks all tables against rewrites, each in the sessions that are to copy it, and only then takes one snapshot for all sessions: a
 * table that is rewritten in between would look empty (HANDOFF.md, F9). Not locked by a leader on behalf of others: a session
 * that asks later queues behind whoever waits for the leader. The sessions stay in their transactions until the
 * release; the first one holds the snapshot.
 *
 * `shares`: what each session copies, in the order of the sessions. A table may be in several.
 */
export async function openSharedSnapshot(
  sessions: readonly [Database, ...Database[]],
  shares: readonly (readonly MigratedTable[])[],
  signal: AbortSignal,
): Promise<SharedSnapshot> {
  // One lock that can't be had frees all others: who holds it may wait for them.
  await retryOnLock(signal, async () => {
    try {
      for (const session of sessions) await session.query(BEGIN_SNAPSHOT)
      for (const [at, session] of sessions.entries()) await lockTables(session, shares[at] ?? [])
    } catch (error) {
      for (const session of sessions) await session.query('rollback').catch(() => undefined)
      throw isMissing(error) ? await missingOf(sessions[0], shares.flat()) : error
    }
  })
  const [leader, ...others] = sessions
  const [row] = await leader.query<{ name: string }>('select pg_export_snapshot() as name')
  const name = row?.name ?? ''
  for (const session of others) await importSnapshot(session, name, leader)
  const open = new Set<Database>(sessions)
  return {
    check: async () => void (await leader.query('select')),
    rejoin: async (session, tables) => {
      await session.query(BEGIN_SNAPSHOT)
      await importSnapshot(session, name, leader)
      await lockTables(session, tables)
      await checkUnchanged(session, tables)
      open.add(session)
    },
    release: async () => {
      // One that was lost has nothing to end.
      for (const session of open) await session.query('commit').catch(() => undefined)
    },
  }
}

/** The server names a table that it does not find, but pgmove's errors say what happened to it; outside of the failed transaction. */
async function missingOf(session: Database, tables: readonly MigratedTable[]): Promise<MigrationError> {
  const names = tables.map(({ sourceSchema, sourceTable }) => ({ schema: sourceSchema, name: sourceTable }))
  const shapes = await readTableShapes(session, names)
  const missing = tables.find((_, at) => shapes[at] === undefined)
  return gone(missing ? [missing] : tables)
}

/** Under the snapshot pg_class is as it was then, while names and files are looked up as they are now. */
async function checkUnchanged(session: Database, tables: readonly MigratedTable[]): Promise<void> {
  const names = tables.map(({ sourceSchema, sourceTable }) => qualified(sourceSchema, sourceTable))
  const [row] = await session.query<{ name: string }>(
    `select x.name from json_array_elements_text($1::json) as x (name)
      where not exists (select from pg_class c where c.oid = to_regclass(x.name) and c.relfilenode = pg_relation_filenode(c.oid)) limit 1`,
    [JSON.stringify(names)],
  )
  if (!row) return
  const text = `On the source: table ${row.name} was rewritten or made anew while the session that had locked it was lost. The copy begins again under a new snapshot.`
  throw new MigrationError('Fenced', text, { side: 'source', table: row.name })
}

async function lockTables(session: Database, tables: readonly MigratedTable[]): Promise<void> {
  await session.query(`set local lock_timeout = '2s'`)
  for (let at = 0; at < tables.length; at += BATCH) {
    const batch = tables.slice(at, at + BATCH).map(({ sourceSchema, sourceTable }) => `only ${qualified(sourceSchema, sourceTable)}`)
    await session.query(`lock table ${batch.join(', ')} in access share mode`)
  }
}

/** How the tables are parted among the sessions. */
export interface SharedPlan<T> {
  /** All sessions copy these together, in chunks. Biggest first. */
  readonly cut: readonly T[]
  /** What each session copies alone. Biggest first. */
  readonly shares: readonly (readonly T[])[]
}

/** Cutting a smaller table gains nothing. */
const CUT_BYTES = 32n * 1024n * 1024n
/** From this part of a session's share on a table could be what the others wait for in the end. */
const CUT_SHARE = 4n

export function planShared<T extends Pick<MigratedTable, 'estimatedBytes'>>(tables: readonly T[], sessions: number): SharedPlan<T> {
  const total = tables.reduce((sum, { estimatedBytes }) => sum + BigInt(estimatedBytes), 0n)
  const isCut = ({ estimatedBytes }: T): boolean => {
    const bytes = BigInt(estimatedBytes)
    return sessions > 1 && bytes >= CUT_BYTES && bytes * BigInt(sessions) * CUT_SHARE >= total
  }
  const cut = tables.filter(isCut).sort((a, b) => (BigInt(a.estimatedBytes) < BigInt(b.estimatedBytes) ? 1 : -1))
  return {
    cut,
    shares: shareTables(
      tables.filter((table) => !isCut(table)),
      sessions,
    ),
  }
}

/** Biggest first, each to the session that has the least so far. */
export function shareTables<T extends Pick<MigratedTable, 'estimatedBytes'>>(tables: readonly T[], sessions: number): T[][] {
  const shares = Array.from({ length: sessions }, () => ({ bytes: 0n, tables: [] as T[] }))
  const sized = tables.map((table) => ({ table, bytes: BigInt(table.estimatedBytes) }))
  for (const { table, bytes } of sized.sort((a, b) => (a.bytes === b.bytes ? 0 : a.bytes < b.bytes ? 1 : -1))) {
    const least = shares.reduce((a, b) => (b.bytes < a.bytes ? b : a))
    least.tables.push(table)
    // An empty table takes time as well.
    least.bytes += bytes + 8192n
  }
  return shares.map((share) => share.tables)
}

/**
 * A new snapshot makes copies under the former one worthless, unless both have the same identity (snapshotIdentity): then they are
 * kept. Else everything is to be copied again, and that is noted. Waits for copies that are about to be recorded; the caller sees to
 * it that no new one begins. Returns how many are to be made again.
 */
export async function forgetCopies(target: Database, id: string, identity: string | null): Promise<number> {
  return target.transaction(async () => {
    await target.query('select from pgmove.migrated_table where id = $1 for update', [id])
    const { copy_snapshot: former } = await readMigrationRecord(target, id)
    if (identity !== null && identity === former) return 0
    await updateMigrationRecord(target, id, { copy_snapshot: identity })
    const again = await target.execute(
      `update pgmove.migrated_table set copied_at = null, rows = 0, bytes = 0 where id = $1 and copied_at is not null`,
      [id],
    )
    const why =
      identity === null || former === null
        ? 'it could not be shown that nothing was written on the source since'
        : 'something was written on the source server since'
    const text = `A session that held the snapshot of the copy was lost, and ${why}; all tables were copied again.`
    if (again > 0) await note(target, id, 'repeated', 'all tables', text)
    return again
  })
}
