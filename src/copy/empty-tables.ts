import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { detachForeignKeys } from './detach-foreign-keys.ts'

interface TargetTable {
  readonly kind: string
  /** Whether it may hold rows. */
  readonly filled: boolean
  /** Whether a foreign key leads from it or to it. */
  readonly keyed: boolean
}

/** The keys are read once for all tables: no index leads to the table that one refers to. */
async function readTargetTables(target: Database, tables: readonly MigratedTable[]): Promise<TargetTable[]> {
  const rows = await target.query<{ at: string; kind: string; filled: string; keyed: string }>(
    `select x.at, c.relkind as kind, c.relkind = 'p' or pg_relation_size(c.oid) > 0 as filled,
            c.oid in (select unnest(array[k.conrelid, k.confrelid]) from pg_constraint k where k.contype = 'f') as keyed
       from json_to_recordset($1::json) as x (at int, name text) join pg_class c on c.oid = to_regclass(x.name)`,
    [JSON.stringify(tables.map(({ targetSchema, targetTable }, at) => ({ at, name: qualified(targetSchema, targetTable) })))],
  )
  const found = new Map(rows.map((row) => [Number(row.at), row]))
  return tables.map((table, at) => {
    const row = found.get(at)
    if (!row) throw missingOnTarget(table)
    return { kind: row.kind, filled: row.filled === 't', keyed: row.keyed === 't' }
  })
}

/** Puts foreign keys aside that would refuse to empty the tables, or without replica role to fill them. In no transaction yet. */
export async function prepareEmptying(target: Database, id: string, tables: readonly MigratedTable[], replicaRole: boolean): Promise<void> {
  const there = await readTargetTables(target, tables)
  for (const [at, table] of tables.entries()) {
    const { filled, keyed } = there[at] ?? { filled: true, keyed: true }
    if (keyed && (filled || !replicaRole)) {
      await detachForeignKeys({ target, id, schema: table.targetSchema, table: table.targetTable, replicaRole })
    }
  }
}

/**
 * Removes rows of an attempt that ended before its record, or from before the migration; never CASCADE. With `anew`, tables that are empty
 * already are truncated as well, unless a foreign key may refuse it.
 *
 * @returns those for which COPY may FREEZE in this transaction: no partitioned ones (https://www.postgresql.org/docs/current/sql-copy.html)
 */
export async function emptyTables(
  target: Database,
  tables: readonly MigratedTable[],
  { anew = false } = {},
): Promise<ReadonlySet<MigratedTable>> {
  const there = await readTargetTables(target, tables)
  const truncated = new Set<MigratedTable>()
  for (const [at, table] of tables.entries()) {
    const { filled, keyed, kind } = there[at] ?? { filled: true, keyed: true, kind: 'r' }
    if (!filled && (keyed || !anew)) continue
    await target.query(`truncate ${kind === 'p' ? '' : 'only '}${qualified(table.targetSchema, table.targetTable)}`)
    if (kind === 'r') truncated.add(table)
  }
  return truncated
}

export function missingOnTarget({ targetSchema, targetTable }: MigratedTable): MigrationError {
  const name = qualified(targetSchema, targetTable)
  return new MigrationError('SchemaMismatch', `On the target: table ${name} does not exist. Create it, then send the signal resume.`, {
    side: 'target',
    table: name,
    hint: '',
  })
}
