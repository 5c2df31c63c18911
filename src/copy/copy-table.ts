import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { pause, retryOnLock } from '../source/retry-on-lock.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note } from '../state/migration-record.ts'
import { detachForeignKeys } from './detach-foreign-keys.ts'
import { BEGIN_SNAPSHOT, openSnapshot, readOpened } from './open-snapshot.ts'
import type { OpenedTable } from './open-snapshot.ts'
import { pipeCopy } from './pipe-copy.ts'
import { copiedColumns, readTableShape } from './table-columns.ts'
import type { TableShape } from './table-columns.ts'
import { waitDurable } from './wait-durable.ts'
import { watchLock } from './watch-lock.ts'

export interface CopyTableArgs {
  /** Reads the rows. */
  readonly source: Database
  /** Another session on the source: looks who waits for the table. */
  readonly sourceObserver: Database
  readonly target: Database
  readonly id: string
  readonly table: MigratedTable
  /**
   * Whether changes are streamed: then the copy's snapshot is recorded for the handoff. If not, `source` must stand in the
   * transaction of openSharedSnapshot, which holds the snapshot and this table's lock.
   */
  readonly incremental: boolean
  /** Whether the target session may set session_replication_role, so that no trigger and foreign key acts. */
  readonly replicaRole: boolean
  /** Of the source, as stored when the slot was made. */
  readonly systemIdentifier?: string | null
  readonly signal: AbortSignal
  /** Bytes and rows sent so far by this attempt, at every piece of some ten kilobytes. */
  readonly onProgress?: (bytes: number, rows: number) => void
  /** Asked at every piece; while the promise is pending the copy holds still, with its snapshot. */
  readonly paused?: () => Promise<void> | undefined
}

export interface CopiedTable {
  readonly rows: string
  /** Of COPY's text format. */
  readonly bytes: string
  /** False if an earlier attempt had copied it already. */
  readonly now: boolean
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

/**
 * Copies one table exactly once (HANDOFF.md R3): what it copied and under which snapshot is recorded in the target transaction
 * that makes the copy final. Gives the table free for a statement that has waited a second for it, and tries again; not under
 * a shared snapshot. May be killed anywhere and run again, also beside an older attempt.
 */
export async function copyTable(args: CopyTableArgs): Promise<CopiedTable> {
  const { target, id, table, signal } = args
  const label = qualified(table.sourceSchema, table.sourceTable)
  let gaveWay = false
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const attempts = await beginAttempt(target, id, table)
    if (attempts > 1) {
      const why = gaveWay ? 'a statement on the source waited for its lock' : 'an earlier attempt ended before its copy was recorded'
      await note(target, id, 'repeated', label, `Copied ${attempts} times: ${why}.`)
    }
    try {
      return await attempt(args)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MigrationError)) throw error
      if (error.kind !== 'LockTimeout') throw named(error, label)
    }
    gaveWay = true
    await pause(pauseMs, signal)
  }
}

async function attempt(args: CopyTableArgs): Promise<CopiedTable> {
  const { target, id, table, incremental, systemIdentifier } = args
  await prepareEmptying(args)
  return target.transaction(async () => {
    // Losing the copy in a crash loses its record too.
    await target.query('set local synchronous_commit = off')
    if (args.replicaRole) await target.query('set local session_replication_role = replica')
    // The record's row is the lock between attempts: an older one has either recorded its copy or can't any more.
    const done = await lockRecord(target, id, table)
    if (done) return done
    await emptyTable(target, table)
    const { opened, rows, bytes } = await withOpenedTable(args, (opened, stop) => transfer(args, opened, stop))
    const { handoff } = opened
    await target.query(
      `update pgmove.migrated_table
          set snapshot = $4, lsn = $5, timeline = $6, system_identifier = $7, rows = $8, bytes = $9, copied_at = clock_timestamp()
        where id = $1 and source_schema = $2 and source_table = $3`,
      [
        id,
        table.sourceSchema,
        table.sourceTable,
        handoff?.snapshot ?? null,
        handoff?.lsn ?? null,
        handoff ? String(handoff.timeline) : null,
        incremental ? (systemIdentifier ?? null) : null,
        rows,
        bytes,
      ],
    )
    return { rows, bytes, now: true }
  })
}

/** Counts the attempt, where it stands even if the attempt is killed. */
async function beginAttempt(target: Database, id: string, { sourceSchema, sourceTable }: MigratedTable): Promise<number> {
  const [row] = await target.query<{ attempts: string }>(
    `update pgmove.migrated_table set attempts = attempts + 1
      where id = $1 and source_schema = $2 and source_table = $3 and copied_at is null returning attempts`,
    [id, sourceSchema, sourceTable],
  )
  return Number(row?.attempts ?? 0)
}

async function lockRecord(target: Database, id: string, { sourceSchema, sourceTable }: MigratedTable): Promise<CopiedTable | undefined> {
  const [row] = await target.query<{ rows: string; bytes: string; copied_at: string | null }>(
    `select rows, bytes, copied_at from pgmove.migrated_table where id = $1 and source_schema = $2 and source_table = $3 for update`,
    [id, sourceSchema, sourceTable],
  )
  if (!row) throw new MigrationError('Internal', 'On the target: the table is not in the plan of the copy.', { side: 'target' })
  return row.copied_at === null ? undefined : { rows: row.rows, bytes: row.bytes, now: false }
}

/** Whether the table may hold rows: the kind of the relation if so. */
async function filledKind(target: Database, { targetSchema, targetTable }: MigratedTable): Promise<string | undefined> {
  const [row] = await target.query<{ kind: string; filled: string }>(
    `select relkind as kind, relkind = 'p' or pg_relation_size(oid) > 0 as filled from pg_class where oid = to_regclass($1)`,
    [qualified(targetSchema, targetTable)],
  )
  if (!row) throw missing()
  return row.filled === 't' ? row.kind : undefined
}

async function prepareEmptying({ target, id, table, replicaRole }: CopyTableArgs): Promise<void> {
  if (replicaRole && (await filledKind(target, table)) === undefined) return
  await detachForeignKeys({ target, id, schema: table.targetSchema, table: table.targetTable, replicaRole })
}

/** Rows of an attempt that ended before its record, or from before the migration; never CASCADE. */
async function emptyTable(target: Database, table: MigratedTable): Promise<void> {
  const kind = await filledKind(target, table)
  if (kind === undefined) return
  await target.query(`truncate ${kind === 'p' ? '' : 'only '}${qualified(table.targetSchema, table.targetTable)}`)
}

/**
 * Runs `body` under the table's lock and snapshot. Waiting for the lock is tried again and again; what `body` fails with is not.
 * `body`'s signal is aborted if somebody waits for the table.
 */
async function withOpenedTable<T>(args: CopyTableArgs, body: (opened: OpenedTable, stop: AbortSignal) => Promise<T>): Promise<T> {
  const { source, table, incremental, signal } = args
  if (!incremental) return withinShared(args, body)
  const outcome = await retryOnLock(signal, async (): Promise<{ value: T } | { error: unknown }> => {
    let opened: OpenedTable | undefined
    try {
      const value = await source.transaction(async () => {
        opened = await openSnapshot(source, table)
        return watched(args, opened, body)
      }, BEGIN_SNAPSHOT)
      return { value }
    } catch (error) {
      if (!opened) throw error
      return { error }
    }
  })
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

/** A failure must not end the transaction that holds the snapshot. Outside of one, SAVEPOINT fails. */
async function withinShared<T>(
  { source, table, signal }: CopyTableArgs,
  body: (opened: OpenedTable, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  await source.query('savepoint copy')
  try {
    return await body(await readOpened(source, table), signal)
  } catch (error) {
    await source.query('rollback to savepoint copy').catch(() => undefined)
    throw error
  } finally {
    await source.query('release savepoint copy').catch(() => undefined)
  }
}

async function watched<T>(
  { source, sourceObserver, signal }: CopyTableArgs,
  opened: OpenedTable,
  body: (opened: OpenedTable, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const giveWay = (reason: unknown) => ended.abort(reason)
  const watch = watchLock({ observer: sourceObserver, holder: source.processId, table: opened.shape.oid, giveWay })
  try {
    return await body(opened, AbortSignal.any([signal, ended.signal]))
  } finally {
    await watch.stop()
  }
}

async function transfer(
  { source, sourceObserver, target, table, incremental, onProgress, paused }: CopyTableArgs,
  opened: OpenedTable,
  stop: AbortSignal,
): Promise<{ opened: OpenedTable; rows: string; bytes: string }> {
  const from = qualified(table.sourceSchema, table.sourceTable)
  const into = qualified(table.targetSchema, table.targetTable)
  const columns = columnList(
    copiedColumns(from, opened.shape, await targetShape(target, table), incremental ? 'UnsupportedDdl' : 'SchemaMismatch'),
  )
  let bytes = 0
  let rows = 0
  const { sent, taken } = await pipeCopy({
    source,
    target,
    from: `copy ${from}${columns} to stdout`,
    to: `copy ${into}${columns} from stdin`,
    stop,
    onChunk: (chunk) => {
      bytes += chunk.length
      rows += countRows(chunk)
      onProgress?.(bytes, rows)
    },
    gate: () => paused?.(),
  })
  if (sent !== taken) {
    throw new MigrationError('RejectedByTarget', `On the target: of ${sent} rows sent, ${taken} were taken.`, {
      side: 'target',
      hint: 'Look for a trigger that swallows rows, then send the signal resume.',
    })
  }
  if (opened.handoff) await waitDurable(source, sourceObserver, parseLsn(opened.handoff.lsn), stop)
  return { opened, rows: String(sent), bytes: String(bytes) }
}

async function targetShape(target: Database, { targetSchema, targetTable }: MigratedTable): Promise<TableShape> {
  const shape = await readTableShape(target, targetSchema, targetTable)
  if (shape?.kind === 'r' || shape?.kind === 'p') return shape
  throw missing()
}

function missing(): MigrationError {
  return new MigrationError('SchemaMismatch', 'On the target: the table does not exist. Create it, then send the signal resume.', {
    side: 'target',
  })
}

/** Without any column to name, COPY's own list leaves generated ones out. */
function columnList(columns: readonly string[]): string {
  return columns.length === 0 ? '' : ` (${columns.map(ident).join(', ')})`
}

/** In COPY's text format a newline byte ends a row; within values it is escaped. */
export function countRows(chunk: Buffer): number {
  let rows = 0
  for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) rows++
  return rows
}

function named(error: MigrationError, label: string): MigrationError {
  if (error.table !== undefined || error.kind === 'ConnectionLost') return error
  const { kind, side, lsn, hint } = error
  const { message } = error
  return new MigrationError(kind, `${message} Table ${label} is copied again from its start.`, {
    side,
    table: label,
    lsn,
    hint,
    cause: error,
  })
}
