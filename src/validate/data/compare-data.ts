import type { Database } from '../../postgres/connect.ts'
import { readComparedTables } from './compared-table.ts'
import type { ComparedTable, NotComparedData, TablePair } from './compared-table.ts'
import { compareTable } from './compare-table.ts'
import type { CompareTableOptions, DataDifference, TableComparison } from './compare-table.ts'
import { compareCount } from './count-rows.ts'

/** What a comparison of data has come to so far; small enough for a heartbeat. */
export interface DataComparison {
  /** Tables that are done, in the order of their names. */
  readonly done: number
  readonly total: number
  readonly rows: string
  /** Bytes of text that were hashed. */
  readonly bytes: string
  readonly differing: readonly ({ readonly table: string } & TableComparison)[]
}

export interface CompareDataOptions extends Pick<
  CompareTableOptions,
  'caughtUp' | 'openTransactionsEnded' | 'signal' | 'sample' | 'onUndecided'
> {
  readonly source: Database
  readonly target: Database
  readonly pairs: readonly TablePair[]
  readonly method: 'count' | 'checksum' | 'full'
  /** Where an earlier attempt had come to. */
  readonly from?: DataComparison | undefined
  /** Counts what was compared; a promise if the next chunk has to wait. */
  readonly limit?: (bytes: number, rows: number) => Promise<void> | undefined
  readonly onDifferences: (differences: readonly DataDifference[]) => Promise<void>
  /** The table that is being compared, and what it has come to. */
  readonly onProgress: (comparison: DataComparison, table: string, rows: bigint) => void
}

/** Compares the rows of tables one after another; see compareTable. Tables that the target lacks count with all their rows. */
export async function compareData(
  options: CompareDataOptions,
): Promise<DataComparison & { readonly notCompared: readonly NotComparedData[] }> {
  const { source, target, pairs, method, from, limit, onProgress } = options
  const label = ({ sourceSchema, sourceTable }: TablePair): string => `${sourceSchema}\0${sourceTable}`
  const sorted = [...pairs].sort((a, b) => (label(a) < label(b) ? -1 : 1))
  const { tables, notCompared, missing } = await readComparedTables(source, target, sorted)
  let comparison: DataComparison = from ?? { done: 0, total: tables.length, rows: '0', bytes: '0', differing: [] }
  if (!from) for (const table of missing) comparison = withTable(comparison, table, await allMissing(source, table))
  for (const table of tables.slice(comparison.done)) {
    const before = comparison
    let rows = 0n
    onProgress(before, table.label, rows)
    const onCompared = (more: bigint, bytes: number): Promise<void> | undefined => {
      rows += more
      comparison = { ...comparison, rows: String(BigInt(comparison.rows) + more), bytes: String(BigInt(comparison.bytes) + BigInt(bytes)) }
      onProgress(before, table.label, rows)
      return limit?.(bytes, Number(more))
    }
    const found = await compareOne({ ...options, table, onCompared }, method, table)
    comparison = { ...withTable(comparison, table.label, found), done: before.done + 1 }
    onProgress(comparison, table.label, rows)
  }
  return { ...comparison, total: tables.length, notCompared }
}

function compareOne(
  options: Omit<CompareTableOptions, 'method'>,
  method: CompareDataOptions['method'],
  table: ComparedTable,
): Promise<TableComparison> {
  return method === 'count' ? compareCount({ ...options, table }) : compareTable({ ...options, table, method })
}

function withTable(comparison: DataComparison, table: string, found: TableComparison): DataComparison {
  const differs = found.missing + found.extra + found.different + found.undecided > 0
  return differs ? { ...comparison, differing: [...comparison.differing, { table, ...found }] } : comparison
}

async function allMissing(source: Database, table: string): Promise<TableComparison> {
  const [row] = await source.query<{ n: string }>(`select count(*) as n from only ${table}`)
  return { missing: Number(row?.n ?? 0), extra: 0, different: 0, undecided: 0 }
}
