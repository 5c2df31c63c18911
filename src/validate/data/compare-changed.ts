import type { Database } from '../../postgres/connect.ts'
import { isWholeChanged, readChangedKeys, readChangedTables } from '../../state/key-log.ts'
import type { KeyLog } from '../../state/key-log.ts'
import { readComparedTables } from './compared-table.ts'
import type { ComparedTable, TablePair } from './compared-table.ts'
import { changedRows, compareTable } from './compare-table.ts'
import type { CompareTableOptions, DataDifference, TableComparison } from './compare-table.ts'
import { rowsWithKeys } from './read-rows.ts'
import { settle } from './settle.ts'
import type { SettleOptions } from './settle.ts'

export interface CompareChangedOptions
  extends Pick<SettleOptions, 'caughtUp' | 'openTransactionsEnded' | 'signal'>, Pick<CompareTableOptions, 'onUndecided'> {
  readonly source: Database
  readonly target: Database
  readonly id: string
  readonly log: KeyLog
  /** Every table that is compared. */
  readonly pairs: readonly TablePair[]
  /** Tables without a key count as undecided: while they are written to, each look at a row of theirs is one at all of them. Default false. */
  readonly passKeyless?: boolean
  /** Whether a table is compared whole, whatever is known of it. */
  readonly whole: (pair: TablePair) => boolean
  readonly onDifferences: (differences: readonly DataDifference[]) => Promise<void>
  readonly onProgress: (done: number, total: number) => void
}

export interface ChangedComparison {
  /** Tables of which anything was looked at. */
  readonly tables: number
  /** Rows that were looked at one by one, and those of tables that were compared whole. */
  readonly rows: string
  readonly differing: readonly ({ readonly table: string } & TableComparison)[]
}

const BATCH = 4000

/** Compares the rows of which the stream has written down that it changed them, on both sides; see settle. */
export async function compareChanged(options: CompareChangedOptions): Promise<ChangedComparison> {
  const { source, target, id, log, pairs, whole, onProgress } = options
  const changed = new Set(
    (await readChangedTables(target, id, log)).map(({ targetSchema, targetTable }) => `${targetSchema}\0${targetTable}`),
  )
  const concerned = pairs.filter((pair) => whole(pair) || changed.has(`${pair.targetSchema}\0${pair.targetTable}`))
  const { tables, missing } = await readComparedTables(source, target, concerned)
  const differing: ({ readonly table: string } & TableComparison)[] = missing.map((table) => ({ table, ...NONE, missing: 1 }))
  let rows = 0n
  for (const [i, table] of tables.entries()) {
    onProgress(i, tables.length)
    const count = (more: bigint): void => {
      rows += more
    }
    if (options.passKeyless === true && table.key.length === 0) {
      const { targetSchema: schema, targetTable: name } = table.pair
      await options.onUndecided?.([{ schema, name }])
      continue
    }
    const inWhole = whole(table.pair) || table.key.length === 0 || (await isWholeChanged(target, id, log, table.pair))
    const found = inWhole ? await compareWhole(options, table, count) : await compareKeys(options, table, count)
    if (found.missing + found.extra + found.different + found.undecided > 0) differing.push({ table: table.label, ...found })
  }
  return { tables: tables.length, rows: String(rows), differing }
}

const NONE: TableComparison = { missing: 0, extra: 0, different: 0, undecided: 0 }

function compareWhole(options: CompareChangedOptions, table: ComparedTable, count: (rows: bigint) => void): Promise<TableComparison> {
  const onCompared = (rows: bigint): undefined => {
    count(rows)
    return undefined
  }
  return compareTable({ ...options, table, method: 'checksum', sample: 1, onCompared })
}

async function compareKeys(options: CompareChangedOptions, table: ComparedTable, count: (rows: bigint) => void): Promise<TableComparison> {
  const { source, target, id, log } = options
  const found = { missing: 0, extra: 0, different: 0, undecided: 0 }
  const names = table.key.map((place) => table.target.columns[place]?.name ?? '')
  for (let after = ''; ;) {
    const logged = await readChangedKeys(target, id, log, table.pair, after, BATCH)
    const last = logged.at(-1)
    if (!last) return found
    after = last.hash
    const keys: string[] = []
    for (const { columns, key } of logged) {
      const values = JSON.parse(key) as string[]
      const ordered = names.map((name) => values[columns.indexOf(name)])
      // The stream names rows by another key than that by which they are compared.
      if (columns.length !== names.length || ordered.includes(undefined)) return compareWhole(options, table, count)
      keys.push(JSON.stringify(ordered))
    }
    count(BigInt(keys.length))
    const { differences, undecided } = await settle({
      ...options,
      keys: await printedKeys(table, keys, source, target),
      readSource: (some) => rowsWithKeys({ database: source, table: table.source }, table.key, some),
      readTarget: (some) => rowsWithKeys({ database: target, table: table.target }, table.key, some),
    })
    found.undecided += undecided.length
    if (undecided.length > 0) await options.onUndecided?.(changedRows(table, undecided))
    for (const { kind } of differences) found[kind]++
    if (differences.length > 0) await options.onDifferences(differences.map((one) => ({ table: table.label, ...one })))
  }
}

/** The keys as the comparison prints them, which may be another text than the stream's, of those rows that either side has. */
async function printedKeys(table: ComparedTable, keys: readonly string[], source: Database, target: Database): Promise<string[]> {
  const [here, there] = await Promise.all([
    rowsWithKeys({ database: source, table: table.source }, table.key, keys),
    rowsWithKeys({ database: target, table: table.target }, table.key, keys),
  ])
  return [...new Set([...here.keys(), ...there.keys()])].filter((key) => here.get(key)?.hash !== there.get(key)?.hash)
}
