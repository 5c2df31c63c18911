import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { retryOnLock } from '../source/retry-on-lock.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { BEGIN_SNAPSHOT, openSnapshot, readOpened } from './open-snapshot.ts'
import type { OpenedTables } from './open-snapshot.ts'
import { watchLock } from './watch-lock.ts'

export interface SourceSnapshotArgs {
  readonly source: Database
  /** Another session on the source: looks who waits for the tables. */
  readonly sourceObserver: Database
  readonly tables: readonly MigratedTable[]
  /** Whether to lock the tables and take a snapshot; else the session stands in the transaction of openSharedSnapshot. */
  readonly own: boolean
  /** The migration's: if it stands, the tables must belong to it. */
  readonly publication: string
  readonly signal: AbortSignal
}

/**
 * Runs `body` under the tables' locks and one snapshot. Waiting for a lock is tried again and again; what `body` fails with is
 * not. `body`'s signal is aborted with a `LockTimeout` if somebody waits for one of the tables; not under a shared snapshot.
 */
export async function underSnapshot<T>(
  args: SourceSnapshotArgs,
  body: (opened: OpenedTables, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const { source, tables, own, publication, signal } = args
  if (!own) return withinShared(args, body)
  const outcome = await retryOnLock(signal, async (): Promise<{ value: T } | { error: unknown }> => {
    let opened: OpenedTables | undefined
    try {
      const value = await source.transaction(async () => {
        opened = await openSnapshot(source, tables, publication)
        return watched(args, opened, body)
      }, BEGIN_SNAPSHOT)
      return { value }
    } catch (error) {
      // With several tables, whoever calls tries them one by one.
      if (!opened && (tables.length === 1 || !(error instanceof MigrationError))) throw error
      return { error }
    }
  })
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

function withinShared<T>(
  { source, tables, signal }: SourceSnapshotArgs,
  body: (opened: OpenedTables, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  return keepingSnapshot(source, async () => body({ shapes: await readOpened(source, tables) }, signal))
}

/** A failure of `body` does not end the transaction that holds the snapshot. Outside of one, SAVEPOINT fails. */
export async function keepingSnapshot<T>(source: Database, body: () => Promise<T>): Promise<T> {
  await source.query('savepoint copy')
  try {
    return await body()
  } catch (error) {
    await source.query('rollback to savepoint copy').catch(() => undefined)
    throw error
  } finally {
    await source.query('release savepoint copy').catch(() => undefined)
  }
}

async function watched<T>(
  { source, sourceObserver, signal }: SourceSnapshotArgs,
  opened: OpenedTables,
  body: (opened: OpenedTables, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const giveWay = (reason: unknown) => ended.abort(reason)
  const watch = watchLock({ observer: sourceObserver, holder: source.processId, tables: opened.shapes.map(({ oid }) => oid), giveWay })
  try {
    return await body(opened, AbortSignal.any([signal, ended.signal]))
  } finally {
    await watch.stop()
  }
}
