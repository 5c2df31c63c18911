import { MigrationError } from '../errors/migration-error.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { unsupported } from './bound-relation.ts'
import { readColumns, readParts } from './ddl-target-state.ts'
import { dropIdentity, dropOfTable, renameInPending } from './follow-pending.ts'
import type { LoggedDdl, LoggedItem, LoggedState, LoggedTable } from './logged-ddl.ts'
import { planAlteredColumns, planColumnChanges } from './plan-column-changes.ts'
import type { ColumnActions, ColumnCommand, LoggedColumn } from './plan-column-changes.ts'
import { planEnumChanges } from './plan-enum-changes.ts'
import type { LoggedEnum } from './plan-enum-changes.ts'
import { ObjectReplay } from './replay-objects.ts'
import { copyNeeded, TableReplay } from './replay-tables.ts'
import type { FollowedTables, ReplayArgs } from './replay-tables.ts'
import { planIndexChanges } from './plan-index-changes.ts'
import type { PartsPlan } from './plan-index-changes.ts'
import { isRefusal, unlessRefused } from './unless-refused.ts'

/**
 * Makes what captured DDL has changed of selected tables, their columns, indexes and constraints, and of enums on the target, in the transaction that is
 * open there, in the order of the log. One for each source transaction: what was rewritten belongs to the command that follows. Throws
 * `UnsupportedDdl` for what it can't make exactly. Whatever is nothing of that is passed over.
 */
export class DdlReplay {
  readonly #rewritten = new Map<string, number>()
  readonly #target: Database
  readonly #id: string
  readonly #names: NameMap
  readonly #sameNames: boolean
  readonly #tables: TableReplay
  readonly #objects: ObjectReplay

  constructor(args: ReplayArgs) {
    this.#target = args.target
    this.#id = args.id
    this.#names = args.names
    this.#sameNames = !args.names.changes
    this.#tables = new TableReplay(args)
    this.#objects = new ObjectReplay(args, this.#tables)
  }

  /** Whether a table was marked to be copied again: the stream is to end with the target's transaction. */
  get marked(): boolean {
    return this.#tables.marked
  }

  /** Whether there is anything to be done for any selected table. */
  concerns({ event, items, tables, enums, sequences, objects }: LoggedDdl, followed: FollowedTables): boolean {
    const known = (schema: string, name: string): boolean =>
      followed.find(schema, name) !== undefined || this.#tables.selects({ schema, name })
    return (
      event === 'table_rewrite' ||
      enums.length > 0 ||
      items.some(({ names: of }) => known(of?.[0] ?? '', of?.[1] ?? '')) ||
      tables.some((table) => [...names(table), ...(table.root ? [table.root] : [])].some(({ schema, name }) => known(schema, name))) ||
      sequences.some(({ schema, name }) => known(schema, name)) ||
      objects.some((object) => this.#objects.concerns(object, followed)) ||
      (event === 'sql_drop' && items.some((item) => this.#tables.drops(item)))
    )
  }

  /** Whether the target's transaction is to be committed before more is applied. */
  async apply({ event, items, tables, enums, sequences, objects }: LoggedDdl, followed: FollowedTables, lsn: string): Promise<boolean> {
    let labelled = false
    for (const one of enums) labelled = (await this.#label(one, lsn)) || labelled
    if (event === 'table_rewrite')
      for (const { oid, reason } of items) this.#rewritten.set(String(oid), (this.#rewritten.get(String(oid)) ?? 0) | (reason ?? 0))
    if (event === 'sql_drop') for (const item of items) await this.#drop(item, followed)
    await this.#objects.apply(objects, 'before tables', followed, lsn)
    await this.#tables.sequences(sequences, lsn)
    // A root before its partitions, which then have what they need.
    for (const table of tables) await this.#change(table, items, followed, lsn)
    await this.#tables.sequenceOwners(sequences, lsn)
    await this.#objects.apply(objects, 'after tables', followed, lsn)
    if (event === 'sql_drop') await this.#tables.drop(items, followed, lsn)
    return labelled
  }

  /** What went with a table's columns, or by itself. A table that is dropped whole is not followed. */
  async #drop({ type, names }: LoggedItem, tables: FollowedTables): Promise<void> {
    const [schema, table, name] = names ?? []
    if (schema === undefined || table === undefined || name === undefined) return
    const found = tables.find(schema, table)
    if (!found) return
    const { targetSchema, targetTable } = found.table
    await dropOfTable(this.#target, this.#id, type, { schema: targetSchema, name: targetTable }, name)
  }

  /** A new label can be used by later transactions only. A type that the target does not have was not asked for. */
  async #label({ schema, name, labels }: LoggedEnum, lsn: string): Promise<boolean> {
    const target = this.#target
    const type = qualified(this.#names.schema(schema), name)
    const found = await target.query<{ label: string | null }>(
      `select e.enumlabel as label from pg_type t left join pg_enum e on e.enumtypid = t.oid where t.oid = to_regtype($1) and t.typtype = 'e' order by e.enumsortorder`,
      [type],
    )
    if (found.length === 0) return false
    const plan = planEnumChanges(
      type,
      labels ?? [],
      found.flatMap(({ label }) => (label === null ? [] : [label])),
    )
    const source = qualified(schema, name)
    if (!plan) throw enumDiffers(source, "has labels that do not follow from the target's", lsn)
    for (const statement of plan) {
      try {
        await target.query(statement)
      } catch (error) {
        if (!isRefusal(error)) throw error
        throw enumDiffers(source, 'got labels, which the target refuses', lsn)
      }
    }
    return plan.length > 0
  }

  async #change(logged: LoggedTable, items: readonly LoggedItem[], tables: FollowedTables, lsn: string): Promise<void> {
    const { oid, before, after } = logged
    const rewritten = this.#rewritten.get(String(oid)) ?? 0
    this.#rewritten.delete(String(oid))
    if (!before) return this.#tables.create(logged, items, tables, lsn)
    if (await this.#tables.rename(logged, before, tables, lsn)) return
    await this.#tables.attach(logged, before, tables, lsn)
    const found = tables.find(after.schema, after.name)
    if (!found) return
    const { table, seen } = found
    const command: ColumnCommand = {
      ...chosen(before, after, table),
      target: await readColumns(this.#target, table),
      sameNames: this.#sameNames,
    }
    if (seen) {
      const altered = planAlteredColumns(command)
      await this.#catchUp('actions' in altered ? altered.actions.map((action) => altering(table, action)) : [])
      const parts = await this.#planParts(before, after, table)
      await this.#catchUp('statements' in parts ? parts.statements : [])
      return this.#addForeignKeys(before, after, lsn)
    }
    if ((rewritten & ~REWRITTEN_FOR_DEFAULT) !== 0)
      throw copyNeeded(table, 'had its rows rewritten, in a way that the catalogue does not tell', lsn)
    const plan = table.columns ? planAlteredColumns(command) : planColumnChanges(command)
    if ('copy' in plan) throw copyNeeded(table, plan.copy, lsn)
    if ('unsupported' in plan) throw unsupported({ schema: after.schema, table: after.name }, plan.unsupported, lsn)
    await this.#alter(
      table,
      command.target.map(({ name }) => name),
      plan,
      lsn,
    )
    const parts = await this.#planParts(before, after, table)
    if ('unsupported' in parts) throw unsupported({ schema: after.schema, table: after.name }, parts.unsupported, lsn)
    for (const statement of parts.statements) await this.#run(table, statement, 'had its indexes or constraints changed', lsn)
    await this.#addForeignKeys(before, after, lsn)
  }

  async #addForeignKeys(before: LoggedState, after: LoggedState, lsn: string): Promise<void> {
    const had = new Set(before.foreignKeys.map(({ oid }) => oid))
    for (const key of after.foreignKeys) if (!had.has(key.oid)) await this.#tables.addForeignKey(after, key, lsn)
  }

  /** Under other names, and for what is to be made later from its stored definition, nothing. */
  async #planParts(before: LoggedState, after: LoggedState, table: MigratedTable): Promise<PartsPlan> {
    if (!this.#sameNames) return { statements: [] }
    const target = await readParts(this.#target, this.#id, table)
    return planIndexChanges({ table: { schema: table.targetSchema, name: table.targetTable }, before, after, target })
  }

  /**
   * The copy has the rows as the command left them, but the definitions are older than it, or newer. What a later command of the stream changes
   * back may not fit the rows, and is passed over.
   */
  async #catchUp(statements: readonly string[]): Promise<void> {
    for (const statement of statements) await unlessRefused(this.#target, statement)
  }

  async #alter(table: MigratedTable, columns: readonly string[], plan: ColumnActions, lsn: string): Promise<void> {
    if (plan.actions.length === 0) return
    const target = this.#target
    const source = { schema: table.sourceSchema, table: table.sourceTable }
    const label = qualified(table.targetSchema, table.targetTable)
    const [family] = await target.query(`select from pg_inherits where $1::regclass in (inhrelid, inhparent) limit 1`, [label])
    if (family) throw unsupported(source, 'is a partition, or has a parent or children, and its columns were changed', lsn)
    for (const action of plan.actions) await this.#run(table, altering(table, action), 'had its columns changed', lsn)
    await this.#followPending(table, columns, plan, lsn)
  }

  /** What is to be made or put back later says the columns' names of now. */
  async #followPending(table: MigratedTable, columns: readonly string[], { dropped, renamed }: ColumnActions, lsn: string): Promise<void> {
    const name = { schema: table.targetSchema, name: table.targetTable }
    for (const column of dropped) await dropIdentity(this.#target, this.#id, name, column)
    let now = columns
    for (const [from, to] of renamed) {
      try {
        await renameInPending(this.#target, this.#id, { table: name, columns: now, from, to })
      } catch (error) {
        if (!(error instanceof UnrewritableError)) throw error
        const text = `had its column ${JSON.stringify(from)} renamed, and ${error.message}`
        throw unsupported({ schema: table.sourceSchema, table: table.sourceTable }, text, lsn)
      }
      now = now.map((column) => (column === from ? to : column))
    }
  }

  async #run(table: MigratedTable, statement: string, what: string, lsn: string): Promise<void> {
    try {
      await this.#target.query(statement)
    } catch (error) {
      if (!isRefusal(error)) throw error
      const label = qualified(table.targetSchema, table.targetTable)
      throw unsupported(
        { schema: table.sourceSchema, table: table.sourceTable },
        `${what}, and the target's ${label} refuses the same change`,
        lsn,
      )
    }
  }
}

function altering({ targetSchema, targetTable }: MigratedTable, action: string): string {
  return `alter table only ${qualified(targetSchema, targetTable)} ${action}`
}

function names({ before, after }: LoggedTable): LoggedState[] {
  return before ? [before, after] : [after]
}

/** Of a table of which columns are chosen, those, under the target's names; what becomes of their names the rows that follow tell. */
function chosen(before: LoggedState, after: LoggedState, { columns }: MigratedTable): Pick<ColumnCommand, 'before' | 'after'> {
  if (!columns) return { before: before.columns, after: after.columns }
  const pick = (all: readonly LoggedColumn[]): LoggedColumn[] =>
    all.flatMap((column) => {
      const name = columns.get(column.name)
      return name === undefined ? [] : [{ ...column, name }]
    })
  return { before: pick(before.columns), after: pick(after.columns) }
}

/** AT_REWRITE_DEFAULT_VAL of event_trigger.h: rows got the default of a new column. */
const REWRITTEN_FOR_DEFAULT = 2

function enumDiffers(type: string, found: string, lsn: string): MigrationError {
  const text =
    `On the source: the enum ${type} ${found}, by the transaction that committed at ${lsn}. Nothing of that transaction was applied; ` +
    'pgmove waits. Give the target the same labels in the same order, then send the signal resume.'
  return new MigrationError('UnsupportedDdl', text, { side: 'source', lsn })
}
