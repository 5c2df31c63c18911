import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'

export interface RowCounts {
  readonly tables: number
  /** Rows of all tables on the source. */
  readonly rows: string
  /** Quoted names of the tables whose numbers of rows differ. */
  readonly differing: readonly string[]
}

const BATCH = 50

/** Exact numbers of rows of every table on both sides. The caller sees to it that nobody writes meanwhile, or counts again. */
export async function compareRowCounts({
  source,
  target,
  tables,
  signal,
  onProgress,
}: {
  source: Database
  target: Database
  tables: readonly MigratedTable[]
  signal: AbortSignal
  onProgress?: (done: number, total: number) => void
}): Promise<RowCounts> {
  const differing: string[] = []
  let rows = 0n
  for (let at = 0; at < tables.length; at += BATCH) {
    signal.throwIfAborted()
    const batch = tables.slice(at, at + BATCH)
    const [here, there] = await Promise.all([
      counts(
        source,
        batch.map((t) => qualified(t.sourceSchema, t.sourceTable)),
      ),
      counts(
        target,
        batch.map((t) => qualified(t.targetSchema, t.targetTable)),
      ),
    ])
    batch.forEach((table, i) => {
      rows += BigInt(here[i] ?? 0)
      if (here[i] !== there[i]) differing.push(qualified(table.sourceSchema, table.sourceTable))
    })
    onProgress?.(at + batch.length, tables.length)
  }
  return { tables: tables.length, rows: String(rows), differing }
}

/** ONLY: rows of tables that inherit from one are counted with those. */
async function counts(database: Database, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return []
  const parts = names.map((name, i) => `select ${i} as i, count(*) as n from only ${name}`)
  const rows = await database.query<{ n: string }>(`${parts.join(' union all ')} order by i`)
  return rows.map(({ n }) => n)
}
