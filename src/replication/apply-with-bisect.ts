import { setTimeout as pause } from 'node:timers/promises'
import { sqlState } from '../errors/classify.ts'
import { readBehind } from '../state/behind-tables.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { ApplyGroupError } from './apply-error.ts'
import { applyStream } from './apply-stream.ts'
import type { ApplyArgs, ApplyResult } from './apply-stream.ts'
import type { ChangeStream } from './change-stream.ts'
import { takeOver } from './progress.ts'
import type { Progress } from './progress.ts'
import { behindPositions } from './table-binder.ts'

export interface ApplyWithBisectArgs extends Omit<ApplyArgs, 'stream' | 'singleChangesUpTo'> {
  /** Opens the change stream at `startLsn` or below. It is closed by applyWithBisect. */
  readonly open: (startLsn: bigint) => Promise<ChangeStream>
}

/** How long the server may take to let the slot go after its connection was closed. */
const SLOT_RELEASE_MS = 10_000
const SLOT_POLL_MS = 100

/**
 * Applies a change stream, as applyStream does. When a group of several changes is refused, it is applied again one by one:
 * what comes before the refused change's transaction is committed, and the error names that transaction and the table.
 */
export async function applyWithBisect({ open, ...args }: ApplyWithBisectArgs): Promise<ApplyResult> {
  let { progress } = args
  let singleChangesUpTo: bigint | undefined
  for (;;) {
    const stream = await openWhenFree(() => open(startLsn(progress, args.tables)), args.signal)
    if (!stream) return { reached: progress.confirmedLsn, reason: 'aborted' }
    try {
      return await applyStream({ ...args, stream, progress, singleChangesUpTo })
    } catch (error) {
      if (!(error instanceof ApplyGroupError)) throw error
      singleChangesUpTo = error.upTo
    } finally {
      await stream.close()
    }
    progress = await takeOver(args.target, args.id)
    await readAgain(args)
  }
}

/** Where the first changes stand that the target lacks. */
function startLsn({ confirmedLsn }: Progress, tables: ReadonlyMap<string, MigratedTable>): bigint {
  return [...behindPositions(tables).values()].reduce((first, lsn) => (lsn < first ? lsn : first), confirmedLsn)
}

/** Tables that are behind have moved with every group that was committed. */
async function readAgain({ target, id, tables }: Pick<ApplyArgs, 'target' | 'id' | 'tables'>): Promise<void> {
  const behind = await readBehind(target, id)
  for (const [name, { behindLsn, ...table }] of tables) {
    const now = behind.get(name)
    if (behindLsn !== now) tables.set(name, { ...table, ...(now === undefined ? {} : { behindLsn: now }) })
  }
}

/** Undefined if aborted. */
async function openWhenFree(open: () => Promise<ChangeStream>, signal: AbortSignal): Promise<ChangeStream | undefined> {
  const deadline = Date.now() + SLOT_RELEASE_MS
  while (!signal.aborted) {
    try {
      return await open()
    } catch (error) {
      if (signal.aborted) return undefined
      if (sqlState(error) !== '55006' || Date.now() > deadline) throw error
      await pause(SLOT_POLL_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  return undefined
}
