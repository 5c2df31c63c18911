import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { copyFormat } from './copy-format.ts'
import { pipeCopy } from './pipe-copy.ts'
import { copiedColumns } from './table-columns.ts'
import type { TableShape } from './table-columns.ts'

export interface TransferArgs {
  /** In the transaction that holds the table's lock and the snapshot. */
  readonly source: Database
  /** In the transaction that the rows belong to. */
  readonly target: Database
  readonly table: MigratedTable
  readonly from: TableShape
  readonly into: TableShape
  /** A condition on the source's rows; without it the whole table is copied. */
  readonly where?: string | undefined
  /**
   * The rows are written as VACUUM FREEZE would leave them: what reads them first, the index builds, need not ask whether their transaction has
   * committed, and no vacuum against wraparound writes them all again. Only where the transaction has truncated the table. Default false.
   */
  readonly freeze?: boolean | undefined
  /** Whether changes are streamed: then differing columns are DDL that came after the migration's begin. */
  readonly incremental: boolean
  readonly stop: AbortSignal
  /** Told of what has passed since the last time. */
  readonly onProgress: (bytes: number, rows: number) => void
  /** Asked at every piece, with its size; while the promise is pending the copy holds still. */
  readonly gate: (bytes: number, rows: number) => Promise<void> | undefined
}

export interface TransferredRows {
  readonly rows: number
  /** Of COPY's data, in whichever format it was. */
  readonly bytes: number
}

/** Pipes a table's rows, or those that fulfil a condition, from the source's session into the target's. */
export async function transferRows(args: TransferArgs): Promise<TransferredRows> {
  const { source, target, table, from, into, where, freeze = false, incremental, stop } = args
  const label = qualified(table.sourceSchema, table.sourceTable)
  const columns = copiedColumns(label, from, into, incremental ? 'UnsupportedDdl' : 'SchemaMismatch', table.columns)
  const format = copyFormat(columns, { source: source.version, target: target.version })
  const binary = format === 'binary' ? ['format binary'] : []
  const read = columns.map(({ source: name }) => ident(name)).join(', ')
  const written = list(columns.map(({ target: name }) => name))
  const rowsOf =
    where === undefined ? `${label}${list(columns.map(({ source: name }) => name))}` : `(select ${read} from only ${label} where ${where})`
  // In the binary format a message that holds no row comes last; counted is the one before it.
  let before = format === 'binary' ? 1 : 0
  let bytes = 0
  let latest = { bytes: 0, rows: 0 }
  const { sent, taken } = await pipeCopy({
    source,
    target,
    from: `copy ${rowsOf} to stdout${options(binary)}`,
    to: `copy ${qualified(table.targetSchema, table.targetTable)}${written} from stdin${options([...binary, ...(freeze ? ['freeze'] : [])])}`,
    stop,
    onPiece: (size, messages) => {
      bytes += size
      const skipped = Math.min(before, messages)
      before -= skipped
      latest = { bytes: size, rows: messages - skipped }
      args.onProgress(latest.bytes, latest.rows)
    },
    gate: () => args.gate(latest.bytes, latest.rows),
  })
  if (sent === taken) return { rows: sent, bytes }
  throw new MigrationError('RejectedByTarget', `On the target: of ${sent} rows sent, ${taken} were taken.`, {
    side: 'target',
    hint: 'Look for a trigger that swallows rows, then send the signal resume.',
  })
}

/** Without any column to name, COPY's own list leaves generated ones out. */
function list(columns: readonly string[]): string {
  return columns.length === 0 ? '' : ` (${columns.map(ident).join(', ')})`
}

function options(all: readonly string[]): string {
  return all.length === 0 ? '' : ` (${all.join(', ')})`
}
