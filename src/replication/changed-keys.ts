import type { Database } from '../postgres/connect.ts'
import type { BoundRelation } from './bound-relation.ts'
import type { RowChange } from './row-change.ts'
import type { TargetTable } from './target-table.ts'
import type { Tuple } from './tuple.ts'

/** A group's keys of one table; beyond that it is cheaper to compare the whole table. */
const MOST_KEYS = 50_000

type Name = Pick<TargetTable, 'schema' | 'name'>

interface TableKeys {
  readonly table: Name
  /** Names of the key's columns on the target. */
  readonly columns: readonly string[]
  /** JSON arrays of texts, as in `pgmove.changed_key`; undefined: any row of the table may have changed. */
  keys: Set<string> | undefined
}

/** A row that has changed; without a key any row of the table may have. */
export interface ChangedRow {
  readonly schema: string
  readonly name: string
  /** A JSON array of the names of the key's columns. */
  readonly columns?: string
  /** A JSON array of texts. */
  readonly key?: string
}

/**
 * The keys of the rows that a group of source transactions changes. While a comparison of the data is open they are written down in the
 * transaction that changes the rows, so that the cutover need look at these again and at no others.
 */
export class ChangedKeys {
  readonly #tables = new Map<string, TableKeys>()

  /** A row that is inserted, updated or deleted. */
  add(bound: BoundRelation, { operation, old, row }: RowChange): void {
    const table = this.#of(bound.target, bound)
    if (operation !== 'insert') this.#addKey(table, bound, old)
    if (operation !== 'delete') this.#addKey(table, bound, row)
  }

  /** A table of which any row may have changed. */
  addWhole(table: Name): void {
    this.#of(table).keys = undefined
  }

  /** Takes all out. */
  take(): ChangedRow[] {
    const rows = [...this.#tables.values()].flatMap(({ table: { schema, name }, columns, keys }): ChangedRow[] =>
      keys ? [...keys].map((key) => ({ schema, name, columns: JSON.stringify(columns), key })) : [{ schema, name }],
    )
    this.#tables.clear()
    return rows
  }

  #of({ schema, name }: Name, bound?: BoundRelation): TableKeys {
    const label = `${schema}\0${name}`
    let table = this.#tables.get(label)
    if (!table) {
      const columns = bound?.key.map((column) => column.name) ?? []
      this.#tables.set(label, (table = { table: { schema, name }, columns, keys: columns.length > 0 ? new Set() : undefined }))
    }
    return table
  }

  #addKey(table: TableKeys, { key }: BoundRelation, tuple: Tuple): void {
    if (!table.keys) return
    const values: string[] = []
    for (const { position } of key) {
      const value = tuple.value(position)
      // Unchanged or null: the row can't be found by it.
      if (!Buffer.isBuffer(value)) return void (table.keys = undefined)
      values.push(value.toString())
    }
    table.keys.add(JSON.stringify(values))
    if (table.keys.size > MOST_KEYS) table.keys = undefined
  }
}

/** Writes rows down in the session's open transaction. */
export async function recordChangedKeys(target: Database, id: string, rows: readonly ChangedRow[]): Promise<void> {
  if (rows.length === 0) return
  await target.query(
    `insert into pgmove.changed_key (id, target_schema, target_table, columns, key)
     select $1, x.schema, x.name, x.columns, x.key from json_to_recordset($2::json) as x (schema text, name text, columns text, key text)
     on conflict do nothing`,
    [id, JSON.stringify(rows)],
  )
}
