import { classify } from '../errors/classify.ts'
import type { ErrorKind } from '../errors/error-kind.ts'
import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { unsupported } from './bound-relation.ts'
import { planColumnChanges } from './plan-column-changes.ts'
import type { ColumnBefore, LoggedColumn } from './plan-column-changes.ts'

/** An object of a row of `pgmove.ddl_log`. */
interface LoggedItem {
  readonly oid: string | number
  readonly subid?: number
  readonly tag?: string
  readonly type: string
  readonly names?: readonly string[]
  readonly reason?: number
  /** Schema and name that the table had before the command, if that is known. */
  readonly before?: readonly [string, string] | null
  readonly table?: {
    readonly schema: string
    readonly name: string
    readonly kind: string
    readonly columns: readonly LoggedColumn[] | null
  } | null
}

/** A row of `pgmove.ddl_log`, decoded. */
export interface LoggedDdl {
  readonly event: string
  readonly items: readonly LoggedItem[]
}

/** The selected table of that name on the source whose change is to be made; undefined if it is not selected, left out, or its copy has seen the change. */
export type FindTable = (schema: string, table: string) => MigratedTable | undefined

/** @param row as PostgreSQL prints its columns */
export function loggedDdl(row: Readonly<Record<string, string | null>>): LoggedDdl {
  return { event: row['event'] ?? '', items: JSON.parse(row['payload'] ?? '[]') as LoggedItem[] }
}

/**
 * Makes the column changes of captured DDL on the target, in the transaction that is open there, in the order of the log. One for each
 * source transaction: what was rewritten belongs to the command that follows. Throws `UnsupportedDdl` for what it can't make exactly.
 * Whatever is no change of a selected table's columns is passed over.
 */
export class DdlReplay {
  readonly #rewritten = new Map<string, number>()

  async apply(target: Database, { event, items }: LoggedDdl, find: FindTable, lsn: string): Promise<void> {
    for (const item of items) {
      if (event === 'table_rewrite')
        this.#rewritten.set(String(item.oid), (this.#rewritten.get(String(item.oid)) ?? 0) | (item.reason ?? 0))
      else if (event === 'sql_drop') await dropColumn(target, item, find, lsn)
      else if (item.tag === 'ALTER TABLE' && item.table) await this.#alter(target, item, item.table, find, lsn)
    }
  }

  async #alter(
    target: Database,
    { oid, subid, before }: LoggedItem,
    { schema, name, columns }: NonNullable<LoggedItem['table']>,
    find: FindTable,
    lsn: string,
  ): Promise<void> {
    const rewritten = this.#rewritten.get(String(oid)) ?? 0
    this.#rewritten.delete(String(oid))
    const [oldSchema, oldName] = before ?? [undefined, undefined]
    if (oldSchema !== schema || oldName !== name) {
      const selected = find(schema, name) ?? (oldSchema !== undefined && oldName !== undefined ? find(oldSchema, oldName) : undefined)
      if (selected) throw copyNeeded(selected, 'was renamed, or another table got its name', lsn)
      return
    }
    const table = find(schema, name)
    // Of a table of which columns are chosen, the rows that follow tell whether anything is to be done.
    if (!table || table.columns) return
    if ((rewritten & ~REWRITTEN_FOR_DEFAULT) !== 0)
      throw copyNeeded(table, 'had its rows rewritten, in a way that the catalogue does not tell', lsn)
    const plan = planColumnChanges({ after: columns ?? [], before: await readColumns(target, table), renamed: (subid ?? 0) > 0 })
    if ('unsupported' in plan) throw unsupported({ schema, table: name }, plan.unsupported, lsn)
    await alterTable(target, table, plan.actions, lsn)
  }
}

async function dropColumn(target: Database, { type, names }: LoggedItem, find: FindTable, lsn: string): Promise<void> {
  const [schema, name, column] = names ?? []
  if (type !== 'table column' || schema === undefined || name === undefined || column === undefined) return
  const table = find(schema, name)
  if (!table || table.columns) return
  await alterTable(target, table, [`drop column if exists ${ident(column)}`], lsn)
}

/** AT_REWRITE_DEFAULT_VAL of event_trigger.h: rows got the default of a new column. */
const REWRITTEN_FOR_DEFAULT = 2

/** A change that could not be told from one that was made by hand meanwhile. */
function copyNeeded({ sourceSchema: schema, sourceTable: table }: MigratedTable, found: string, lsn: string): MigrationError {
  const name = qualified(schema, table)
  const text =
    `On the source: ${name} ${found}, by the transaction that committed at ${lsn}. Nothing of that transaction was applied; pgmove waits. ` +
    'Make the definitions equal, then send the signal resolve with copyAgain for this table, or with leaveOut.'
  return new MigrationError('UnsupportedDdl', text, { side: 'source', table: name, sourceTable: { schema, table }, lsn })
}

const REFUSALS: ReadonlySet<ErrorKind> = new Set(['RejectedByTarget', 'SchemaMismatch', 'Internal'])

async function alterTable(target: Database, table: MigratedTable, actions: readonly string[], lsn: string): Promise<void> {
  if (actions.length === 0) return
  const source = { schema: table.sourceSchema, table: table.sourceTable }
  const label = qualified(table.targetSchema, table.targetTable)
  const [family] = await target.query(`select from pg_inherits where $1::regclass in (inhrelid, inhparent) limit 1`, [label])
  if (family) throw unsupported(source, 'is a partition, or has a parent or children, and its columns were changed', lsn)
  for (const action of actions) {
    try {
      await target.query(`alter table only ${label} ${action}`)
    } catch (error) {
      if (!REFUSALS.has(classify(error, 'target').kind)) throw error
      throw unsupported(source, `had its columns changed, and the target's ${label} refuses the same change`, lsn)
    }
  }
}

async function readColumns(target: Database, { targetSchema, targetTable }: MigratedTable): Promise<ColumnBefore[]> {
  const rows = await target.query<{ name: string; type: string; not_null: string; default: string | null }>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null, pg_get_expr(d.adbin, d.adrelid) as default
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [qualified(targetSchema, targetTable)],
  )
  return rows.map((row) => ({ name: row.name, type: row.type, notNull: row.not_null === 't', default: row.default }))
}
