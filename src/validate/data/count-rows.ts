import type { ComparedTable } from './compared-table.ts'
import type { CompareTableOptions, TableComparison } from './compare-table.ts'
import type { Database } from '../../postgres/connect.ts'

const ROUNDS = 10
/** How often in a row a table that stands still on both sides has to be seen with different numbers. */
const CERTAIN = 3

/**
 * Compares the exact numbers of rows of one table. While changes stream in, the numbers are equal once they are seen equal, and differ if neither
 * of them moves while the target has caught up, several times in a row; a table that never stands still so long is undecided.
 */
export async function compareCount({
  source,
  target,
  table,
  caughtUp,
  openTransactionsEnded,
  signal,
  onCompared,
}: Omit<CompareTableOptions, 'method' | 'sample'>): Promise<TableComparison> {
  const none = { missing: 0, extra: 0, different: 0, undecided: 0 }
  let there = await count(target, table.target.name)
  let certain = 0
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted()
    const ended = await openTransactionsEnded()
    const here = await count(source, table.source.name)
    if (round === 0) await onCompared(here, 0)
    await caughtUp()
    const now = await count(target, table.target.name)
    if (here === now) return none
    const still = ended && now === there && here === (await count(source, table.source.name))
    certain = still ? certain + 1 : 0
    there = now
    if (certain === CERTAIN) return { ...none, ...(here > now ? { missing: Number(here - now) } : { extra: Number(now - here) }) }
  }
  return { ...none, undecided: 1 }
}

/** ONLY: rows of tables that inherit from one are counted with those. */
async function count(database: Database, name: ComparedTable['label']): Promise<bigint> {
  const [row] = await database.query<{ n: string }>(`select count(*) as n from only ${name}`)
  return BigInt(row?.n ?? 0)
}
