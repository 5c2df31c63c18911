import { MigrationError } from '../errors/migration-error.ts'
import type { ErrorKind } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { parseLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { publicationName } from '../state/migration-ref.ts'
import { beginAttempt, lockRecords, recordCopies } from './copy-record.ts'
import type { CopiedTable, CopyResult } from './copy-record.ts'
import { copyUntilDone, EARLIER_ENDED } from './copy-until-done.ts'
import { emptyTables, missingOnTarget, prepareEmptying } from './empty-tables.ts'
import type { CopyStep } from './copy-step.ts'
import type { Handoff } from './open-snapshot.ts'
import { underSnapshot } from './source-snapshot.ts'
import { readTableShapes } from './table-columns.ts'
import type { TableShape } from './table-columns.ts'
import { transferRows } from './transfer-rows.ts'
import type { TransferArgs } from './transfer-rows.ts'
import { waitDurable } from './wait-durable.ts'

export type { CopiedTable } from './copy-record.ts'

export interface CopyOptions {
  readonly target: Database
  readonly id: string
  /**
   * Whether changes are streamed: then the copy's snapshot is recorded for the handoff. If not, the source's sessions must stand in
   * the transaction of openSharedSnapshot, which holds the snapshot and the tables' locks.
   */
  readonly incremental: boolean
  /** Whether the target session may set session_replication_role, so that no trigger and foreign key acts. */
  readonly replicaRole: boolean
  /** Of the source, as stored when the slot was made. */
  readonly systemIdentifier?: string | null
  readonly signal: AbortSignal
  /** Why a copy that an earlier attempt began counts no longer. Default: that attempt ended before its record. */
  readonly repeats?: string | undefined
  /** Bytes and rows of a table that were sent since the last call. */
  readonly onProgress?: (table: MigratedTable, bytes: number, rows: number) => void
  /** A table's copy begins anew: what was reported of it counts no longer. */
  readonly onBegin?: (table: MigratedTable) => void
  /** Asked at every piece, with its size; while the promise is pending the copy holds still, with its snapshot. */
  readonly gate?: (bytes: number, rows: number) => Promise<void> | undefined
  /**
   * Called in the target's transaction that copies, for the tables whose rows of `pgmove.migrated_table` it has locked, before the source's
   * snapshot is taken.
   */
  readonly beforeSnapshot?: (tables: readonly MigratedTable[]) => Promise<void>
  /** Told of steps, and waited for. */
  readonly onStep?: (step: CopyStep) => Promise<void> | void
}

export interface CopyTablesArgs extends CopyOptions {
  /** Reads the rows. */
  readonly source: Database
  /** Another session on the source: looks who waits for a table. */
  readonly sourceObserver: Database
  /** Small ones: they share one snapshot and one transaction on each side. */
  readonly tables: readonly MigratedTable[]
}

/**
 * Copies tables exactly once (HANDOFF.md R3): what was copied and under which snapshot is recorded in the target transaction that
 * makes the copies final. Gives the tables free for a statement that has waited a second for one, and tries again; not under a
 * shared snapshot. If that fails for several at once, each is copied by itself;
 * one that the target refuses does not keep the others from it. May be killed anywhere and run again, also
 * beside an older attempt. In the order of `tables`.
 */
export async function copyTables(args: CopyTablesArgs): Promise<CopiedTable[]> {
  const { tables, signal } = args
  const [first, ...others] = tables
  if (!first) return []
  if (others.length === 0) return [await copyOne(args, first, args.repeats ?? EARLIER_ENDED)]
  try {
    return await attempt(args, args.repeats ?? EARLIER_ENDED)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof MigrationError) || error.kind === 'ConnectionLost') throw error
  }
  return copyEach(args)
}

/** Kinds that say something of one table alone: the others are copied all the same. */
const OF_ONE_TABLE: ReadonlySet<ErrorKind> = new Set(['RejectedByTarget', 'SchemaMismatch', 'UnsupportedDdl', 'InsufficientPrivilege'])

/** Whether an error keeps no other table from its copy. */
export function isOfOneTable(error: unknown): error is MigrationError {
  return error instanceof MigrationError && OF_ONE_TABLE.has(error.kind)
}

/** One by one. What the target refuses is tried again after the others, since a check may read tables that were still empty. */
async function copyEach(args: CopyTablesArgs): Promise<CopiedTable[]> {
  const copied = new Map<MigratedTable, CopiedTable>()
  for (let open = args.tables; open.length > 0;) {
    const refused: MigratedTable[] = []
    let refusal: MigrationError | undefined
    for (const table of open) {
      try {
        copied.set(table, await copyOne(args, table, 'it was copied together with a table that failed'))
      } catch (error) {
        if (!isOfOneTable(error)) throw error
        refused.push(table)
        refusal ??= error
      }
    }
    if (refusal && refused.length === open.length) throw withOthers(refusal, refused)
    open = refused
  }
  return args.tables.flatMap((table) => copied.get(table) ?? [])
}

/** The first one's error, with the number of tables that fail beside it. */
function withOthers(error: MigrationError, [, second, ...others]: readonly MigratedTable[]): MigrationError {
  if (!second) return error
  const { kind, message, side, table, sourceTable, lsn, hint } = error
  const name = qualified(second.sourceSchema, second.sourceTable)
  const more = others.length > 0 ? ` and ${others.length} more` : ''
  const text = `${message} The copy of ${name}${more} failed as well.`
  return new MigrationError(kind, text, { side, table, sourceTable, lsn, hint, cause: error })
}

function copyOne(args: CopyTablesArgs, table: MigratedTable, firstReason: string): Promise<CopiedTable> {
  return copyUntilDone(table, args.signal, firstReason, async (why) => (await attempt({ ...args, tables: [table] }, why))[0])
}

async function attempt(args: CopyTablesArgs, why: string): Promise<CopiedTable[]> {
  const { source, sourceObserver, target, id, tables, incremental, replicaRole, signal } = args
  await beginAttempt(target, id, tables, why)
  await prepareEmptying(target, id, tables, replicaRole)
  return target.transaction(async () => {
    await target.query(copyingSettings(replicaRole))
    const done = await lockRecords(target, id, tables)
    const open = tables.filter((_, at) => done[at] === undefined)
    if (open.length > 0) await args.beforeSnapshot?.(open)
    // For small tables the new file that TRUNCATE makes costs more than FREEZE saves.
    const frozen = await emptyTables(target, open, { anew: tables.length === 1 })
    const results = new Map<MigratedTable, CopyResult>()
    if (open.length > 0) {
      const opening = { source, sourceObserver, tables: open, own: incremental, publication: publicationName(id), signal }
      const copied = await underSnapshot(opening, async (opened, stop) => {
        const into = await targetShapes(target, open)
        for (const [at, table] of open.entries()) {
          const shapes = { from: opened.shapes[at], into: into[at] }
          if (shapes.from && shapes.into)
            results.set(table, await copyRows(args, table, { from: shapes.from, into: shapes.into, freeze: frozen.has(table), stop }))
        }
        if (opened.handoff) await waitDurable(source, sourceObserver, parseLsn(opened.handoff.lsn), stop)
        return opened.handoff
      })
      await args.onStep?.('rows copied')
      await record(args, [...results.values()], copied)
    }
    return tables.map((table, at) => {
      const { rows, bytes } = results.get(table) ?? { rows: '0', bytes: '0' }
      return done[at] ?? { rows, bytes, now: true }
    })
  })
}

async function copyRows(
  args: CopyTablesArgs,
  table: MigratedTable,
  how: Pick<TransferArgs, 'from' | 'into' | 'freeze' | 'stop'>,
): Promise<CopyResult> {
  const { source, target, incremental, onBegin, onProgress, gate } = args
  onBegin?.(table)
  const { rows, bytes } = await transferRows({
    ...{ source, target, table, incremental, ...how },
    onProgress: (bytes, rows) => onProgress?.(table, bytes, rows),
    gate: (bytes, rows) => gate?.(bytes, rows),
  })
  return { table, oid: how.from.oid, rows: String(rows), bytes: String(bytes) }
}

async function record(
  { target, id, incremental, systemIdentifier }: CopyTablesArgs,
  results: readonly CopyResult[],
  handoff: Handoff | undefined,
): Promise<void> {
  if (incremental && !handoff) throw new MigrationError('Internal', 'A copy was to be recorded without its snapshot.')
  await recordCopies(target, id, results, handoff, systemIdentifier ?? null)
}

/**
 * For a transaction that copies. Once its commit has returned it must be durable: the workflow does not ask again whether a crash of the target
 * has undone it. An asynchronous commit that the server, database or role has as default becomes a local one.
 */
export function copyingSettings(replicaRole: boolean): string {
  return (
    `select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'local' else current_setting('synchronous_commit') end, true)` +
    (replicaRole ? '; set local session_replication_role = replica' : '')
  )
}

export async function targetShapes(target: Database, tables: readonly MigratedTable[]): Promise<TableShape[]> {
  const names = tables.map(({ targetSchema, targetTable }) => ({ schema: targetSchema, name: targetTable }))
  const shapes = await readTableShapes(target, names)
  return tables.map((table, at) => {
    const shape = shapes[at]
    if (shape?.kind === 'r' || shape?.kind === 'p') return shape
    throw missingOnTarget(table)
  })
}
