import type { Database } from '../postgres/connect.ts'
import { runStatements } from '../postgres/statement-batch.ts'
import type { BatchStatement, BatchValue } from '../postgres/statement-batch.ts'
import { applyError, diverged } from './apply-error.ts'
import type { AppliedChange } from './apply-error.ts'
import type { BoundColumn } from './bound-relation.ts'
import { copyRows } from './copy-rows.ts'
import type { StatementNames } from './statement-names.ts'

/** One statement that applies changes, with its values, and how many rows it must find. */
export interface ApplyWork {
  readonly change: AppliedChange
  readonly text: string
  readonly values: readonly BatchValue[]
  /** Columns whose types the parameters take, where the text doesn't say; null if it is to be planned for the values at hand. */
  readonly parameters: readonly BoundColumn[] | null
  readonly expected: number
  /** How many of the changed rows were found as they must, by the number of rows that the statement found. Default: that number. */
  readonly found?: (rows: number) => number
}

/** Rows for COPY … FROM STDIN. */
export interface CopyWork {
  readonly change: AppliedChange
  readonly text: string
  /** Rows as the command's format has them, cut anywhere. */
  readonly copy: readonly Buffer[]
  readonly expected: number
}

/** So many statements share a round trip at most: each stands in memory, and an abort is seen in between. */
const MOST_STATEMENTS = 100
const MOST_BYTES = 1024 * 1024

/**
 * Does what `works` say in their order, with as few round trips as can be, and checks that each statement found exactly the rows that it must.
 *
 * @param opening statements to be sent before, in the same round trip
 */
export async function doWorks(
  target: Database,
  names: StatementNames,
  works: Iterable<ApplyWork | CopyWork>,
  { opening = [], signal }: { opening?: readonly BatchStatement[]; signal?: AbortSignal } = {},
): Promise<void> {
  let before = opening
  let batch: ApplyWork[] = []
  let bytes = 0
  const send = async (): Promise<void> => {
    if (before.length + batch.length === 0) return
    await sendBatch(target, names, before, batch)
    before = []
    batch = []
    bytes = 0
    signal?.throwIfAborted()
  }
  for (const work of works) {
    if ('copy' in work) {
      await send()
      await copyIn(target, work)
      continue
    }
    batch.push(work)
    for (const value of work.values) bytes += value?.length ?? 0
    if (batch.length === MOST_STATEMENTS || bytes >= MOST_BYTES) await send()
  }
  await send()
}

async function sendBatch(
  target: Database,
  names: StatementNames,
  before: readonly BatchStatement[],
  works: readonly ApplyWork[],
): Promise<void> {
  const statements = works.map(({ text, values, parameters }) => ({ ...(parameters && names.named(text, parameters)), text, values }))
  const { rows, error } = await runStatements(target.client, [...before, ...statements])
  for (const [i, work] of works.entries()) {
    const found = rows[before.length + i]
    if (found === undefined) throw applyError(error, work.change)
    check(work, work.found?.(found) ?? found, found)
  }
  if (error !== undefined) throw applyError(error, { what: 'BEGIN', table: undefined, commitLsn: 0n })
}

async function copyIn(target: Database, work: CopyWork): Promise<void> {
  let copied: number
  try {
    copied = await copyRows(target, work.text, work.copy)
  } catch (error) {
    throw applyError(error, work.change)
  }
  check(work, copied, copied)
}

function check({ change, expected }: ApplyWork | CopyWork, found: number, rows: number): void {
  if (rows !== expected) throw diverged(change, found, expected)
}
