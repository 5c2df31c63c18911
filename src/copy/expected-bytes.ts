import { copyFormat } from './copy-format.ts'
import { sqlState } from '../errors/classify.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { SelectedTable, SourceColumn } from '../source/selected-tables.ts'

export interface ExpectedBytesArgs {
  readonly source: Database
  readonly targetVersion: number
  readonly tables: readonly SelectedTable[]
  /** Which columns are copied. */
  readonly names?: NameMap
}

/** What smaller tables come to matters little, neither does one of less than such a part of all; nor seconds before a copy that takes long. */
const LARGEST = 100
const LEAST_PART = 1000n
const BUDGET_MS = 15_000

/** Pages that are read of a table, and rows that a page of 8 KB can have (MaxHeapTuplesPerPage). */
const PAGES = 20
const ROWS = 291

/** A value that takes more on disk is not read for its length. */
const READ_BYTES = 20_000

/**
 * The largest tables with the bytes that COPY is expected to make of them: rows of a few pages all over the table are measured, as
 * size on disk tells little of them. A table without statistics gets the number of its rows from these pages too. What can't be
 * measured at once (a lock, a right that is missing, big values) goes without.
 */
export async function withExpectedBytes({
  source,
  targetVersion,
  tables,
  names = new NameMap(),
}: ExpectedBytesArgs): Promise<SelectedTable[]> {
  const largest = tables
    .filter(({ kind, bytes }) => kind === 'r' && bytes !== '0')
    .sort((a, b) => (BigInt(a.bytes) < BigInt(b.bytes) ? 1 : -1))
  const measured = new Map<SelectedTable, SelectedTable>()
  const end = performance.now() + BUDGET_MS
  const total = largest.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n)
  for (const table of largest.slice(0, LARGEST)) {
    if (BigInt(table.bytes) * LEAST_PART < total) break
    if (performance.now() > end) break
    const chosen = names.columns(table)
    const columns = table.columns.filter(({ name, generated }) => generated === '' && (chosen?.has(name) ?? true))
    const types = columns.map(({ type }) => ({ sourceType: type, targetType: type }))
    const binary = copyFormat(types, { source: source.version, target: targetVersion }) === 'binary'
    const sample = await measure(source, table, rowLength(columns, binary))
    if (!sample || sample.rows === 0) continue
    const rows = table.estimatedRows === '0' ? Math.round((sample.rows / sample.read) * sample.pages) : Number(table.estimatedRows)
    measured.set(table, { ...table, estimatedRows: String(rows), expectedBytes: String(Math.round((sample.bytes / sample.rows) * rows)) })
  }
  return tables.map((table) => measured.get(table) ?? table)
}

/** SQL for the bytes of a row within COPY data; backslashes that text gets are left out. */
function rowLength(columns: readonly SourceColumn[], binary: boolean): string {
  const frame = binary ? 2 + 4 * columns.length : Math.max(1, columns.length)
  return [`${frame}::bigint`, ...columns.map((column) => `coalesce(${valueLength(column, binary)}, ${binary ? 0 : 2})`)].join(' + ')
}

/** octet_length() of strings reads no TOAST. */
function valueLength({ name, type }: SourceColumn, binary: boolean): string {
  const column = `t.${ident(name)}`
  const plain = type.replace(/\(.*?\)/, '')
  if (['text', 'character varying', 'character'].includes(plain)) return `octet_length(${column})`
  if (plain === 'bytea') return binary ? `octet_length(${column})` : `3 + 2 * octet_length(${column})`
  if (binary && plain === 'numeric') return `5 + pg_column_size(${column})`
  if (binary && plain !== 'jsonb') return `pg_column_size(${column})`
  const text = `case when pg_column_size(${column}) > ${READ_BYTES} then pg_column_size(${column}) else octet_length(${column}::text) end`
  return binary ? `1 + ${text}` : text
}

interface Sample {
  readonly rows: number
  readonly bytes: number
  readonly read: number
  readonly pages: number
}

async function measure(source: Database, { schema, name, oid }: SelectedTable, length: string): Promise<Sample | undefined> {
  try {
    const [row] = await source.query<{ rows: string; bytes: string; read: string; pages: string }>(
      `begin read only; set local lock_timeout = '200ms'; set local statement_timeout = '1s';
       with size as (
         select pg_relation_size(${oid}) / current_setting('block_size')::bigint as pages
       ), page as (
         select floor((i + random()) * pages / least(pages, ${PAGES}))::bigint as number from size, generate_series(0, least(pages, ${PAGES}) - 1) i
       )
       select count(*) as rows, coalesce(sum(${length}), 0) as bytes, (select count(*) from page) as read, (select pages from size) as pages
         from only ${qualified(schema, name)} t
        where t.ctid = any (array(select format('(%s,%s)', page.number, i)::tid from page, generate_series(1, ${ROWS}) i))`,
    )
    await source.query('commit')
    return row && { rows: Number(row.rows), bytes: Number(row.bytes), read: Number(row.read), pages: Number(row.pages) }
  } catch (error) {
    const state = sqlState(error)
    if (state === undefined || state.startsWith('57P') || state.startsWith('08')) throw error
    await source.query('rollback')
    return undefined
  }
}
