import type { Database } from '../../postgres/connect.ts'
import type { ChangedRow } from '../../replication/changed-keys.ts'
import type { ComparedTable } from './compared-table.ts'
import { boundAbove, checksumOf, occurrences, partChecksums, rowsInRange, rowsWithHashes, rowsWithKeys } from './read-rows.ts'
import type { Checksum, HashedRow, KeyRange, ReadSide } from './read-rows.ts'
import { settle } from './settle.ts'
import type { DifferenceKind, Settled, SettleOptions } from './settle.ts'

/** A row that differs: by its key as a JSON array of texts, or by its hash where the table has no key. */
export interface DataDifference {
  readonly table: string
  readonly key: string
  readonly kind: DifferenceKind
}

export interface CompareTableOptions extends Pick<SettleOptions, 'caughtUp' | 'openTransactionsEnded' | 'signal'> {
  readonly source: Database
  readonly target: Database
  readonly table: ComparedTable
  /** `full`: every row has its own hash compared, not only the sums of a chunk's. */
  readonly method: 'checksum' | 'full'
  /** The share of a table's chunks that is compared, 0 to 1. */
  readonly sample: number
  /** After each chunk, with what it came to: rows of the source, bytes of text. May hold the comparison up. */
  readonly onCompared: (rows: bigint, bytes: number) => Promise<void> | undefined
  readonly onDifferences: (differences: readonly DataDifference[]) => Promise<void>
  /** Told of rows that changed whenever they were looked at. */
  readonly onUndecided?: ((rows: readonly ChangedRow[]) => Promise<void>) | undefined
  /** Rows of a chunk; default 20,000. For tests. */
  readonly chunkRows?: number
}

export interface TableComparison {
  readonly missing: number
  readonly extra: number
  readonly different: number
  /** Rows that changed whenever they were looked at. */
  readonly undecided: number
}

/** What one look keeps in memory is about this many keys and hashes. */
const CHUNK_ROWS = 20_000
/** Keys that are looked at again by one statement. */
const BATCH = 1000

/** Compares the rows of one table on both sides, chunk by chunk; a chunk whose checksums differ row by row. Keeps no chunk longer than it is compared. */
export async function compareTable(options: CompareTableOptions): Promise<TableComparison> {
  const found = { missing: 0, extra: 0, different: 0, undecided: 0 }
  const report = async ({ differences, undecided }: Settled): Promise<void> => {
    found.undecided += undecided.length
    if (undecided.length > 0) await options.onUndecided?.(changedRows(options.table, undecided))
    for (const { kind } of differences) found[kind]++
    if (differences.length > 0) await options.onDifferences(differences.map((one) => ({ table: options.table.label, ...one })))
  }
  await (options.table.key.length > 0 ? compareByKey(options, report) : compareAsMultiset(options, report))
  return found
}

type Report = (settled: Settled) => Promise<void>

async function compareByKey(options: CompareTableOptions, report: Report): Promise<void> {
  const { table, source: from, sample, signal, chunkRows = CHUNK_ROWS } = options
  const { source, target } = sidesOf(options)
  for (let after: string | null = null, first = true; first || after !== null; first = false) {
    signal.throwIfAborted()
    const upTo = await boundAbove(from, table, after, chunkRows)
    const range: KeyRange = { after, upTo }
    after = upTo
    if (Math.random() >= sample) continue
    const suspicious = await suspiciousKeys(options, source, target, range)
    await options.onCompared(suspicious.rows, suspicious.bytes)
    await settleAll(options, suspicious.keys, report, {
      readSource: (keys) => rowsWithKeys(source, table.key, keys),
      readTarget: (keys) => rowsWithKeys(target, table.key, keys),
    })
  }
}

/** Keys of a range whose rows look different. */
async function suspiciousKeys(
  { table: { key }, method }: CompareTableOptions,
  source: ReadSide,
  target: ReadSide,
  range: KeyRange,
): Promise<{ keys: string[]; rows: bigint; bytes: number }> {
  const [here, there] = await Promise.all([checksumOf(source, key, range), checksumOf(target, key, range)])
  if (method === 'checksum' && isEqual(here, there)) return { keys: [], rows: here.rows, bytes: here.bytes }
  const [rows, others] = await Promise.all([rowsInRange(source, key, range), rowsInRange(target, key, range)])
  return { keys: unequal(rows, others), rows: here.rows, bytes: here.bytes }
}

/** Every row once to sort it into a part; the parts that differ are read again, and then what differs in them. */
async function compareAsMultiset(options: CompareTableOptions, report: Report): Promise<void> {
  const { table, chunkRows = CHUNK_ROWS } = options
  const { source, target } = sidesOf(options)
  const parts = Math.max(1, Math.ceil(table.estimatedRows / chunkRows))
  const [here, there] = await Promise.all([partChecksums(source, parts), partChecksums(target, parts)])
  const all = [...here.values()]
  const sum = all.reduce((total, { rows }) => total + rows, 0n)
  await options.onCompared(sum, all.reduce((total, { bytes }) => total + bytes, 0)) // prettier-ignore
  for (const part of new Set([...here.keys(), ...there.keys()])) {
    options.signal.throwIfAborted()
    if (options.method === 'checksum' && isEqual(here.get(part), there.get(part))) continue
    const [rows, others] = await Promise.all([occurrences(source, part, parts), occurrences(target, part, parts)])
    const hashes = [...new Set([...rows.keys(), ...others.keys()])].filter((hash) => rows.get(hash) !== others.get(hash))
    await settleAll(options, hashes, report, {
      readSource: (keys) => rowsWithHashes(source, keys),
      readTarget: (keys) => rowsWithHashes(target, keys),
    })
  }
}

async function settleAll(
  options: CompareTableOptions,
  keys: readonly string[],
  report: Report,
  reads: Pick<SettleOptions, 'readSource' | 'readTarget'>,
): Promise<void> {
  for (let at = 0; at < keys.length; at += BATCH) {
    await report(await settle({ ...options, ...reads, keys: keys.slice(at, at + BATCH) }))
  }
}

/** As the target's key log has them: a row without a key stands for its whole table. */
export function changedRows(
  { pair: { targetSchema: schema, targetTable: name }, target, key }: ComparedTable,
  keys: readonly string[],
): ChangedRow[] {
  if (key.length === 0) return [{ schema, name }]
  const columns = JSON.stringify(key.map((place) => target.columns[place]?.name))
  return keys.map((one) => ({ schema, name, columns, key: one }))
}

function sidesOf({ source, target, table }: CompareTableOptions): { source: ReadSide; target: ReadSide } {
  return { source: { database: source, table: table.source }, target: { database: target, table: table.target } }
}

function isEqual(here: Checksum | undefined, there: Checksum | undefined): boolean {
  return here?.rows === there?.rows && here?.sum === there?.sum
}

function unequal(here: ReadonlyMap<string, HashedRow>, there: ReadonlyMap<string, HashedRow>): string[] {
  const keys = [...here].filter(([key, { hash }]) => there.get(key)?.hash !== hash).map(([key]) => key)
  for (const key of there.keys()) if (!here.has(key)) keys.push(key)
  return keys
}
