import { MigrationError } from '../errors/migration-error.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { NameMap, RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note } from '../state/migration-record.ts'
import { unsupported } from './bound-relation.ts'
import { readColumns, readParts } from './ddl-target-state.ts'
import { dropIdentity, dropOfTable, renameInPending } from './follow-pending.ts'
import { leaveColumns } from './follow-tables.ts'
import type { LoggedDdl, LoggedItem, LoggedState, LoggedTable } from './logged-ddl.ts'
import { mappedColumns, mappedParts } from './mapped-state.ts'
import { planAlteredColumns, planColumnChanges } from './plan-column-changes.ts'
import type { ColumnAction, ColumnActions, ColumnCommand } from './plan-column-changes.ts'
import { planEnumChanges } from './plan-enum-changes.ts'
import type { LoggedEnum } from './plan-enum-changes.ts'
import { AccessReplay } from './replay-access.ts'
import { ObjectReplay } from './replay-objects.ts'
import { TablePartsReplay } from './replay-table-parts.ts'
import { copyNeeded, TableReplay } from './replay-tables.ts'
import type { FollowedTables, ReplayArgs } from './replay-tables.ts'
import { planIndexChanges } from './plan-index-changes.ts'
import type { LoggedParts, PartsPlan } from './plan-index-changes.ts'
import type { FoundTable } from './table-binder.ts'
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
  readonly #tables: TableReplay
  readonly #objects: ObjectReplay
  readonly #access: AccessReplay
  readonly #parts: TablePartsReplay

  constructor(args: ReplayArgs) {
    this.#target = args.target
    this.#id = args.id
    this.#names = args.names
    this.#tables = new TableReplay(args)
    this.#objects = new ObjectReplay(args, this.#tables)
    this.#access = new AccessReplay(args, this.#tables)
    this.#parts = new TablePartsReplay(args, this.#tables)
  }

  /** Whether a table was marked to be copied again: the stream is to end with the target's transaction. */
  get marked(): boolean {
    return this.#tables.marked
  }

  /** Whether there is anything to be done for any selected table. */
  concerns({ event, items, tables, enums, sequences, objects, access }: LoggedDdl, followed: FollowedTables): boolean {
    const known = (schema: string, name: string): boolean =>
      followed.find(schema, name) !== undefined || this.#tables.selects({ schema, name })
    return (
      event === 'table_rewrite' ||
      enums.length > 0 ||
      items.some(isDefaultPrivileges) ||
      items.some(({ names: of }) => known(of?.[0] ?? '', of?.[1] ?? '')) ||
      tables.some((table) => [...names(table), ...(table.root ? [table.root] : [])].some(({ schema, name }) => known(schema, name))) ||
      sequences.some(({ schema, name }) => known(schema, name)) ||
      objects.some((object) => this.#objects.concerns(object, followed)) ||
      access.some((change) => this.#access.concerns(change, followed)) ||
      (event === 'sql_drop' && items.some((item) => this.#tables.drops(item)))
    )
  }

  /** Whether the target's transaction is to be committed before more is applied. */
  async apply(
    { event, items, tables, enums, sequences, objects, access }: LoggedDdl,
    followed: FollowedTables,
    lsn: string,
  ): Promise<boolean> {
    let labelled = false
    for (const one of enums) labelled = (await this.#label(one, lsn)) || labelled
    if (event === 'table_rewrite')
      for (const { oid, reason } of items) this.#rewritten.set(String(oid), (this.#rewritten.get(String(oid)) ?? 0) | (reason ?? 0))
    if (event === 'sql_drop') for (const item of items) await this.#drop(item, followed)
    await this.#objects.apply(objects, 'before tables', followed, lsn)
    await this.#tables.sequences(sequences, lsn)
    for (const table of parentsFirst(tables)) await this.#change(table, { items, tables }, followed, lsn)
    await this.#tables.sequenceOwners(sequences, lsn)
    await this.#objects.apply(objects, 'after tables', followed, lsn)
    for (const { before, after } of tables) {
      const table = followed.find(after.schema, after.name)?.table ?? (await this.#tables.followedRoot(after, after))
      if (table) await this.#parts.firing(before ?? undefined, after, table)
    }
    if (event === 'sql_drop') {
      await this.#tables.drop(items, followed, lsn)
      await this.#access.drop(items)
    }
    await this.#access.apply(access, followed, lsn)
    if (items.some(isDefaultPrivileges)) await this.#objects.defaultPrivileges(lsn)
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

  async #change(
    logged: LoggedTable,
    { items, tables }: Pick<LoggedDdl, 'items' | 'tables'>,
    followed: FollowedTables,
    lsn: string,
  ): Promise<void> {
    const { oid, before, after } = logged
    const rewritten = this.#rewritten.get(String(oid)) ?? 0
    this.#rewritten.delete(String(oid))
    if (!before) return this.#tables.create(logged, items, followed, lsn)
    if (await this.#tables.rename(logged, before, followed, lsn)) return
    await this.#tables.attach(logged, before, followed, lsn)
    const found = followed.find(after.schema, after.name) ?? (await this.#root(logged, tables, followed))
    if (!found) return
    const { table, seen } = found
    await this.#tables.inherit(before, after, table, lsn)
    await this.#tables.rowSecurity(before, after, table)
    const source = { schema: after.schema, table: after.name }
    try {
      checkChosen(before, after, table, lsn)
      const command = await this.#columnCommand(logged, before, table, tables)
      // Planned once the columns have changed.
      const parts = (): Promise<PartsPlan> => this.#planParts(before, after, table)
      if (seen) await this.#catchUp(table, command, parts)
      else if (found.marked) await this.#make(table, { ...command, empty: true }, parts, lsn)
      else if (
        (rewritten & ~REWRITTEN_FOR_DEFAULT) === REWRITTEN_FOR_TYPE &&
        after.kind === 'r' &&
        after.parents.length + command.children.length === 0
      ) {
        await this.#tables.empty(table, followed, lsn)
        await this.#make(table, { ...command, empty: true }, parts, lsn)
      } else if ((rewritten & ~REWRITTEN_FOR_DEFAULT) !== 0)
        throw copyNeeded(table, 'had its rows rewritten, in a way that the catalogue does not tell', lsn)
      else await this.#make(table, command, parts, lsn)
    } catch (error) {
      if (!(error instanceof UnrewritableError)) throw error
      throw unsupported(source, `was changed, and ${error.message}`, lsn)
    }
    await this.#parts.apply(before, after, table, lsn)
  }

  /** A partitioned table holds no rows; all of its partitions' copies may have seen the command. */
  async #root({ after, root }: LoggedTable, tables: readonly LoggedTable[], followed: FollowedTables): Promise<FoundTable | undefined> {
    const table = after.kind === 'p' ? await this.#tables.followedRoot(after, root ?? after) : undefined
    if (!table) return undefined
    const leaves = tables.flatMap(({ after: leaf }) => (isBelow(leaf, after, tables) ? (followed.find(leaf.schema, leaf.name) ?? []) : []))
    return { table, marked: false, seen: leaves.length > 0 && leaves.every(({ seen }) => seen) }
  }

  async #columnCommand(
    { after }: LoggedTable,
    before: LoggedState,
    table: MigratedTable,
    tables: readonly LoggedTable[],
  ): Promise<ColumnCommand> {
    const children = tables.filter(({ after: { parents } }) => parents.some((parent) => isSame(parent, after)))
    return {
      before: await mappedColumns(before, this.#names, table.columns),
      after: await mappedColumns(after, this.#names, table.columns),
      target: await readColumns(this.#target, table),
      partitioned: after.kind === 'p',
      empty: false,
      children: children.map((child) => ({ before: child.before?.columns ?? [], after: child.after.columns })),
    }
  }

  async #make(table: MigratedTable, command: ColumnCommand, planParts: () => Promise<PartsPlan>, lsn: string): Promise<void> {
    const source = { schema: table.sourceSchema, table: table.sourceTable }
    const plan = planColumnChanges(command)
    if ('copy' in plan) throw copyNeeded(table, plan.copy, lsn)
    if ('unsupported' in plan) throw unsupported(source, plan.unsupported, lsn)
    const gone = plan.dropped.filter((name) => command.after.every((column) => column.name !== name))
    await leaveColumns(this.#target, this.#id, table, gone)
    await this.#alter(
      table,
      command.target.map(({ name }) => name),
      plan,
      lsn,
    )
    const parts = await planParts()
    if ('unsupported' in parts) throw unsupported(source, parts.unsupported, lsn)
    for (const statement of parts.statements) await this.#run(table, statement, 'had its indexes or constraints changed', lsn)
  }

  /** For what is to be made later from its stored definition, nothing. */
  async #planParts(before: LoggedState, after: LoggedState, table: MigratedTable): Promise<PartsPlan> {
    const leftOut = new Map<string, string>()
    const mapped = (state: LoggedState): Promise<LoggedParts> =>
      mappedParts(state, this.#names, table.columns, (part, reason) => leftOut.set(part.name, reason))
    const parts = { before: await mapped(before), after: await mapped(after) }
    const known = new Set([...before.indexes, ...before.constraints].map(({ name }) => name))
    for (const [name, reason] of leftOut)
      if (!known.has(name)) await note(this.#target, this.#id, 'skipped', qualified(after.schema, name), reason)
    const target = await readParts(this.#target, this.#id, table)
    return planIndexChanges({ table: { schema: table.targetSchema, name: table.targetTable }, ...parts, target })
  }

  /**
   * The copy has the rows as the command left them, but the definitions are older than it, or newer. What a later command of the stream changes
   * back may not fit the rows, and is passed over.
   */
  async #catchUp(table: MigratedTable, command: ColumnCommand, planParts: () => Promise<PartsPlan>): Promise<void> {
    const altered = planAlteredColumns(command)
    for (const action of 'actions' in altered ? altered.actions : []) await unlessRefused(this.#target, altering(table, action))
    const parts = await planParts()
    for (const statement of 'statements' in parts ? parts.statements : []) await unlessRefused(this.#target, statement)
  }

  async #alter(table: MigratedTable, columns: readonly string[], plan: ColumnActions, lsn: string): Promise<void> {
    if (plan.actions.length === 0) return
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

function altering({ targetSchema, targetTable }: MigratedTable, { action, only }: ColumnAction): string {
  return `alter table ${only ? 'only ' : ''}${qualified(targetSchema, targetTable)} ${action}`
}

function isDefaultPrivileges({ tag }: LoggedItem): boolean {
  return tag === 'ALTER DEFAULT PRIVILEGES'
}

/** A parent's change reaches its children, which then have nothing left to do. */
function parentsFirst(tables: readonly LoggedTable[]): LoggedTable[] {
  const ordered = new Set<LoggedTable>()
  const visit = (table: LoggedTable): void => {
    for (const parent of table.after.parents) {
      const above = tables.find(({ after }) => isSame(after, parent))
      if (above && !ordered.has(above)) visit(above)
    }
    ordered.add(table)
  }
  tables.forEach(visit)
  return [...ordered]
}

function isSame(a: RelationName, b: RelationName): boolean {
  return a.schema === b.schema && a.name === b.name
}

function isBelow({ parents }: LoggedState, root: LoggedState, tables: readonly LoggedTable[]): boolean {
  return parents.some((parent) => {
    if (isSame(parent, root)) return true
    const above = tables.find(({ after }) => isSame(after, parent))
    return above !== undefined && isBelow(above.after, root, tables)
  })
}

function names({ before, after }: LoggedTable): LoggedState[] {
  return before ? [before, after] : [after]
}

/** Which column was chosen is told by its name: once another has it, nobody knows which is meant. */
function checkChosen(before: LoggedState, after: LoggedState, table: MigratedTable, lsn: string): void {
  const { columns, sourceSchema, sourceTable } = table
  if (!columns) return
  const had = new Map(before.columns.map(({ number, name }) => [number, name]))
  const renamed = after.columns.find(({ number, name }) => {
    const old = had.get(number)
    return old !== undefined && old !== name && (columns.has(old) || columns.has(name))
  })
  if (!renamed) return
  const name = qualified(sourceSchema, sourceTable)
  const hint = `Send the signal resolve with leaveOut for this table, or begin anew with the new name in the spec.`
  const was = JSON.stringify(had.get(renamed.number))
  const text =
    `On the source: ${name} had its column ${was} renamed to ${JSON.stringify(renamed.name)}, by the transaction that committed at ${lsn}, and the spec chooses its ` +
    `columns by name. Nothing of that transaction was applied; pgmove waits. ${hint}`
  throw new MigrationError('UnsupportedDdl', text, {
    side: 'source',
    table: name,
    sourceTable: { schema: sourceSchema, table: sourceTable },
    lsn,
    hint,
  })
}

/** AT_REWRITE_DEFAULT_VAL of event_trigger.h: rows got the default of a new column. */
const REWRITTEN_FOR_DEFAULT = 2
/** AT_REWRITE_COLUMN_REWRITE: a column's values were computed anew. */
const REWRITTEN_FOR_TYPE = 4

function enumDiffers(type: string, found: string, lsn: string): MigrationError {
  const text =
    `On the source: the enum ${type} ${found}, by the transaction that committed at ${lsn}. Nothing of that transaction was applied; ` +
    'pgmove waits. Give the target the same labels in the same order, then send the signal resume.'
  return new MigrationError('UnsupportedDdl', text, { side: 'source', lsn })
}
