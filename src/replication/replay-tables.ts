import { MigrationError } from '../errors/migration-error.ts'
import type { NameMap, RelationName } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, literal, qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selects, selectsSchema } from '../spec/selection.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note } from '../state/migration-record.ts'
import { markToCopyAgain } from '../state/table-resolution.ts'
import { unsupported } from './bound-relation.ts'
import { readParts } from './ddl-target-state.ts'
import { alwaysLater } from './follow-pending.ts'
import { addForeignKeyLater, forgetOfTable, joinTables, leaveTables, renameMigrated, renameTableInPending } from './follow-tables.ts'
import type { LoggedForeignKey, LoggedItem, LoggedSequence, LoggedState, LoggedTable } from './logged-ddl.ts'
import { planIndexChanges } from './plan-index-changes.ts'
import { createTable, sequenceOwner, sequenceStatements } from './table-definition.ts'
import { TablePartsReplay } from './replay-table-parts.ts'
import type { FoundTable } from './table-binder.ts'
import { isRefusal, unlessRefused } from './unless-refused.ts'

/** The migration's tables under one source transaction, as the replay changes them. */
export interface FollowedTables {
  find(schema: string, table: string): FoundTable | undefined
  /** Also if it is left out. */
  has(schema: string, table: string): boolean
  add(table: MigratedTable, marked: boolean): void
  remove(table: MigratedTable): boolean
  rename(was: MigratedTable, now: MigratedTable): void
}

/** What of a spec decides what of new objects follows; without `roles` owners and grants do not. */
export type FollowedSelection = Pick<MigrationSpec, 'objects' | 'exclude'> & Partial<Pick<MigrationSpec, 'roles'>>

export interface ReplayArgs {
  readonly target: Database
  /** Of the migration. */
  readonly id: string
  readonly names: NameMap
  /** What new tables are selected; undefined: none. */
  readonly selection: FollowedSelection | undefined
  /** Whether tables may be marked to be copied again, which ends the stream. */
  readonly mayCopy: boolean
}

/** Commands that fill the table before they are captured. */
const FILLING: ReadonlySet<string> = new Set(['CREATE TABLE AS', 'SELECT INTO'])
/** Dropped by themselves, or with what they need. A sequence that belonged to a table has gone with it. */
const DROPPED: ReadonlySet<string> = new Set(['view', 'materialized view', 'sequence'])
const DROPPED_BY_IDENTITY: ReadonlySet<string> = new Set(['function', 'procedure', 'type', 'schema'])
/** The same; where names are mapped it is told. */
const DROPPED_UNDER_OWN_NAME: ReadonlySet<string> = new Set([
  ...['aggregate', 'operator', 'operator class', 'operator family', 'collation', 'conversion', 'foreign table'],
  ...['text search configuration', 'text search dictionary', 'text search parser', 'text search template'],
])
/** The same of what is in no schema: it belongs to a migration of the whole database. */
const DROPPED_OF_DATABASE: ReadonlySet<string> = new Set([
  ...['cast', 'extension', 'server', 'foreign-data wrapper', 'language', 'transform', 'access method'],
])

/** Makes, drops and renames tables on the target as the capture tells, with the sequences and views that belong to such commands. */
export class TableReplay {
  readonly #args: ReplayArgs
  /** Whether a table was marked to be copied again. */
  marked = false

  constructor(args: ReplayArgs) {
    this.#args = args
  }

  /** Whether a table of that name is to be followed. */
  selects({ schema, name }: RelationName): boolean {
    const { selection } = this.#args
    return selection !== undefined && selects(selection, schema, name)
  }

  async create(logged: LoggedTable, items: readonly LoggedItem[], tables: FollowedTables, lsn: string): Promise<void> {
    const { oid, after } = logged
    if (after.extension || !this.selects(logged.root ?? after) || tables.has(after.schema, after.name)) return
    const filled = items.some((item) => String(item.oid) === String(oid) && FILLING.has(item.tag ?? ''))
    await this.#join(logged, filled ? 'its rows were made with it' : undefined, tables, lsn)
  }

  /** @param filled why its rows are not in the stream */
  async #join({ oid, after, published }: LoggedTable, filled: string | undefined, tables: FollowedTables, lsn: string): Promise<void> {
    const { target, id, names } = this.#args
    const source = { schema: after.schema, table: after.name }
    const to = names.relation(after)
    const label = qualified(to.schema, to.name)
    const exists = (await target.query(`select where to_regclass($1) is not null`, [label])).length > 0
    if (!exists) {
      const statements = createTable(after)
      if (!statements) throw unsupported(source, 'was made, in a way that is not described well enough', lsn)
      await this.run(source, [`create schema if not exists ${ident(after.schema)}`], 'was made', lsn, await this.#hasSchema(to.schema))
      await this.run(source, statements, 'was made', lsn)
    }
    const always = after.columns.filter((column) => column.always === 'a')
    for (const { name } of exists ? [] : always) await alwaysLater(target, id, label, name)
    const columns = names.columns(after)
    const table: MigratedTable = {
      ...{ sourceSchema: after.schema, sourceTable: after.name, targetSchema: to.schema, targetTable: to.name, sourceOid: String(oid) },
      ...(columns ? { columns } : {}),
      ...{ group: 0, estimatedRows: '0', estimatedBytes: '0', rows: '0', bytes: '0', attempts: 0 },
    }
    const parts = planIndexChanges({
      ...{ table: after, before: { indexes: [], constraints: [] }, after },
      target: await readParts(target, id, table),
    })
    if ('unsupported' in parts) throw unsupported(source, parts.unsupported, lsn)
    await this.run(source, parts.statements, 'was made', lsn)
    if (!exists) await this.rowSecurity({}, after, table)
    await new TablePartsReplay(this.#args, this).apply(undefined, after, table, lsn)
    if (after.kind !== 'r') return
    const [row] = exists ? await target.query(`select from only ${label} limit 1`) : []
    await joinTables(target, id, table)
    const reason =
      filled ??
      (published?.includes(id) ? undefined : 'it could not be published before its first row') ??
      (row ? 'it held rows' : undefined)
    tables.add(table, false)
    if (reason !== undefined) await this.mark(table, reason, tables, lsn)
  }

  async #hasSchema(schema: string): Promise<boolean> {
    return (await this.#args.target.query(`select from pg_namespace where nspname = $1`, [schema])).length > 0
  }

  /** From now on the table's changes are passed over; it is copied again once the target's transaction is committed. */
  async mark(table: MigratedTable, reason: string, tables: FollowedTables, lsn: string): Promise<void> {
    const { target, id, mayCopy } = this.#args
    const { sourceSchema: schema, sourceTable } = table
    if (!mayCopy) throw copyNeeded(table, `can't be followed without a copy (${reason})`, lsn)
    await markToCopyAgain(target, id, { schema, table: sourceTable }, `${reason}, by DDL in the transaction that committed at ${lsn}`)
    tables.remove(table)
    tables.add(table, true)
    this.marked = true
  }

  /** Of rows that were rewritten only a copy has the values: those of the target give way to it, whatever the definition becomes. */
  async empty(table: MigratedTable, tables: FollowedTables, lsn: string): Promise<void> {
    const { target } = this.#args
    await this.mark(table, 'its rows were rewritten with another type', tables, lsn)
    const label = qualified(table.targetSchema, table.targetTable)
    if (!(await unlessRefused(target, `truncate only ${label}`))) await target.query(`delete from only ${label}`)
  }

  async addForeignKey(state: RelationName, { name, definition, comment }: LoggedForeignKey, lsn: string): Promise<void> {
    const { target, id, names } = this.#args
    const label = qualified(state.schema, state.name)
    const commented = comment === null ? '' : `; comment on constraint ${ident(name)} on ${label} is ${literal(comment)}`
    const statement = await this.rewrite(
      { schema: state.schema, table: state.name },
      `alter table ${label} add constraint ${ident(name)} ${definition}${commented}`,
      lsn,
    )
    await addForeignKeyLater(target, id, names.relation(state), name, statement)
  }

  /** Returns true if the table has another name, which has been seen to. */
  async rename(logged: LoggedTable, before: LoggedState, tables: FollowedTables, lsn: string): Promise<boolean> {
    const { target, id, names } = this.#args
    const { oid, after } = logged
    if (before.schema === after.schema && before.name === after.name) return false
    const is = ({ sourceOid }: MigratedTable): boolean => sourceOid === undefined || sourceOid === String(oid)
    const was = tables.find(before.schema, before.name)
    const now = tables.find(after.schema, after.name)
    if (now && now.table.sourceOid === String(oid)) return true
    const selected = this.selects(logged.root ?? after)
    if (was && is(was.table) && !was.seen) {
      if (!selected) throw copyNeeded(was.table, `was renamed to ${qualified(after.schema, after.name)}, which is not selected`, lsn)
      if (now || tables.has(after.schema, after.name) || was.table.columns)
        throw copyNeeded(was.table, 'was renamed, or another table got its name', lsn)
      const to = names.relation(after)
      const from = { schema: was.table.targetSchema, name: was.table.targetTable }
      await this.#renameOnTarget('table', from, to, was.table, lsn)
      const table = { ...was.table, sourceSchema: after.schema, sourceTable: after.name, targetSchema: to.schema, targetTable: to.name }
      await renameMigrated(target, id, was.table, table)
      tables.rename(was.table, table)
      return true
    }
    if (tables.has(before.schema, before.name) && !was) return true
    if (!was && selected && !tables.has(after.schema, after.name)) {
      const kept = after.kind === 'p' && (this.selects(before) || before.partition)
      if (kept) await this.#renameOnTarget('table', names.relation(before), names.relation(after), undefined, lsn)
      else if (!after.extension) await this.#join(logged, 'it got a name that is selected', tables, lsn)
      return true
    }
    if (was && now && is(now.table)) return true
    const found = [now, was].find((one) => one && !one.seen)
    if (found) throw copyNeeded(found.table, 'was renamed, or another table got its name', lsn)
    return true
  }

  async #renameOnTarget(type: string, from: RelationName, to: RelationName, table: MigratedTable | undefined, lsn: string): Promise<void> {
    const { target, id } = this.#args
    const source = { schema: table?.sourceSchema ?? from.schema, table: table?.sourceTable ?? from.name }
    const [state] = await target.query<{ was: string; now: string }>(
      `select (to_regclass($1) is not null)::text as was, (to_regclass($2) is not null)::text as now`,
      [qualified(from.schema, from.name), qualified(to.schema, to.name)],
    )
    try {
      await renameTableInPending(target, id, from, to)
    } catch (error) {
      if (!(error instanceof UnrewritableError)) throw error
      throw unsupported(source, `was renamed, and ${error.message}`, lsn)
    }
    // Done by hand.
    if (state?.was === 'false' && state.now === 'true') return
    const statements: string[] = []
    if (from.schema !== to.schema) {
      if (!(await this.#hasSchema(to.schema))) statements.push(`create schema ${ident(to.schema)}`)
      statements.push(`alter ${type} ${qualified(from.schema, from.name)} set schema ${ident(to.schema)}`)
    }
    if (from.name !== to.name) statements.push(`alter ${type} ${qualified(to.schema, from.name)} rename to ${ident(to.name)}`)
    for (const statement of statements) await this.#one(source, statement, 'was renamed', lsn)
  }

  /** A partition that was attached or detached. */
  async attach(logged: LoggedTable, before: LoggedState, tables: FollowedTables, lsn: string): Promise<void> {
    const { after } = logged
    if (before.partition === after.partition) return
    const found = tables.find(after.schema, after.name)
    const source = { schema: after.schema, table: after.name }
    const label = qualified(after.schema, after.name)
    const parent = (after.partition ? after : before).parents[0]
    if (!parent) return
    if (!after.partition) {
      if (!found || found.seen) return
      if (!this.selects(after)) throw copyNeeded(found.table, 'was detached, and is not selected by itself', lsn)
      if (!(await this.#isPartition(found.table))) return
      return this.run(source, [`alter table ${qualified(parent.schema, parent.name)} detach partition ${label}`], 'was detached', lsn)
    }
    if (!this.selects(logged.root ?? after) || (!found && tables.has(after.schema, after.name))) return
    if (!found) {
      if (after.kind !== 'r') throw unsupported(source, 'was attached, with partitions of its own', lsn)
      const alone = { ...after, partition: false, parents: [], columns: after.columns.map((column) => ({ ...column, local: true })) }
      await this.#join({ ...logged, after: alone }, 'it was attached with rows', tables, lsn)
    }
    const table = tables.find(after.schema, after.name)
    if (table?.seen || (table && (await this.#isPartition(table.table)))) return
    const statement = `alter table ${qualified(parent.schema, parent.name)} attach partition ${label} ${after.bound ?? ''}`
    await this.run(source, [statement], 'was attached', lsn)
  }

  /** ENABLE and FORCE ROW LEVEL SECURITY; forced it would hide rows from pgmove, and is so from the cutover on. */
  async rowSecurity(before: Partial<LoggedState>, after: LoggedState, { targetSchema, targetTable }: MigratedTable): Promise<void> {
    const { target, id } = this.#args
    const label = qualified(targetSchema, targetTable)
    const on = (enabled: boolean | undefined): boolean => enabled ?? false
    if (on(before.rowSecurity) !== on(after.rowSecurity))
      await target.query(`alter table only ${label} ${after.rowSecurity ? 'enable' : 'disable'} row level security`)
    if (on(before.forcedRowSecurity) === on(after.forcedRowSecurity)) return
    if (after.forcedRowSecurity)
      await target.query(
        `insert into pgmove.object_change as o (id, kind, object, own, restore) values ($1, 'force_row_security', $2, true, $3)
         on conflict (id, kind, object) do update set restored_at = null`,
        [id, label, `alter table only ${label} force row level security`],
      )
    else
      await target.query(
        `update pgmove.object_change set restored_at = clock_timestamp() where id = $1 and kind = 'force_row_security' and object = $2 and restored_at is null`,
        [id, label],
      )
  }

  /** ALTER TABLE … INHERIT and NO INHERIT. */
  async inherit(before: LoggedState, after: LoggedState, table: MigratedTable, lsn: string): Promise<void> {
    if (before.partition || after.partition) return
    const source = { schema: after.schema, table: after.name }
    const label = qualified(table.targetSchema, table.targetTable)
    // A renamed parent is the same one.
    const lacks = (all: LoggedState['parents'], { oid }: { oid?: number }): boolean =>
      oid !== undefined && all.every((one) => one.oid !== oid)
    const changes = [
      ...before.parents.flatMap((parent) => (lacks(after.parents, parent) ? [{ parent, how: 'no inherit' }] : [])),
      ...after.parents.flatMap((parent) => (lacks(before.parents, parent) ? [{ parent, how: 'inherit' }] : [])),
    ]
    for (const { parent, how } of changes) {
      const to = this.#args.names.relation(parent)
      const above = qualified(to.schema, to.name)
      const [there] = await this.#args.target.query(
        `select from pg_inherits where inhrelid = to_regclass($1) and inhparent = to_regclass($2)`,
        [label, above],
      )
      if ((there !== undefined) === (how === 'inherit')) continue
      await this.#one(source, `alter table ${label} ${how} ${above}`, 'got another parent', lsn)
    }
  }

  /** A selected partitioned table that the target has. */
  async followedRoot(root: RelationName, topmost: RelationName): Promise<MigratedTable | undefined> {
    const { names } = this.#args
    if (!this.selects(topmost) || !(await this.#isPartitioned(root))) return undefined
    const to = names.relation(root)
    const columns = names.columns(root)
    return {
      ...{ sourceSchema: root.schema, sourceTable: root.name, targetSchema: to.schema, targetTable: to.name },
      ...(columns ? { columns } : {}),
      ...{ group: 0, estimatedRows: '0', estimatedBytes: '0', rows: '0', bytes: '0', attempts: 0 },
    }
  }

  async #isPartition({ targetSchema, targetTable }: MigratedTable): Promise<boolean> {
    const [row] = await this.#args.target.query(`select from pg_class where oid = to_regclass($1) and relispartition`, [
      qualified(targetSchema, targetTable),
    ])
    return row !== undefined
  }

  /** Together: they may need each other. */
  async drop(items: readonly LoggedItem[], tables: FollowedTables, lsn: string): Promise<void> {
    const { target, id, names } = this.#args
    const statements: string[] = []
    let source: { schema: string; table: string } | undefined
    const relations = new Set(items.flatMap(({ type, identity }) => (type === 'type' ? [] : [identity])))
    for (const item of items) {
      const { type, names: of, oid, identity } = item
      const [schema, name] = of ?? []
      if (this.drops(item) && identity !== undefined) {
        // With every relation its row type goes, and with every type that of its arrays.
        if (type === 'type' && (relations.has(identity) || identity.endsWith('[]'))) continue
        if (names.changes && !DROPPED_BY_IDENTITY.has(type)) {
          const text = `On the source it was dropped, by the transaction that committed at ${lsn}. Drop it on the target by hand, where it may be called otherwise.`
          await note(target, id, 'warning', `${type} ${identity}`, text)
          continue
        }
        const what = { schema: schema ?? '', table: name ?? identity }
        statements.push(await this.rewrite(what, `drop ${type.replace('foreign-data', 'foreign data')} if exists ${identity}`, lsn))
        source ??= what
        continue
      }
      if (schema === undefined || name === undefined || (of?.length ?? 0) !== 2) continue
      const found = type === 'table' ? tables.find(schema, name) : undefined
      if (found) {
        const { sourceOid, targetSchema, targetTable } = found.table
        if (found.seen || (sourceOid !== undefined && sourceOid !== String(oid))) continue
        statements.push(`drop table if exists ${qualified(targetSchema, targetTable)}`)
        await leaveTables(target, id, found.table)
        tables.remove(found.table)
      } else if (type === 'table') {
        const root = names.relation({ schema, name })
        if (tables.has(schema, name) || !(await this.#isFollowedRoot({ schema, name }))) continue
        statements.push(`drop table if exists ${qualified(root.schema, root.name)}`)
        await forgetOfTable(target, id, root)
      } else if (DROPPED.has(type) && this.selectsWhole({ schema, name }) && identity !== undefined) {
        const to = names.relation({ schema, name })
        statements.push(`drop ${type} if exists ${qualified(to.schema, to.name)}`)
        await forgetOfTable(target, id, to)
      } else if (type === 'index' && (await this.#isOfMaterializedView({ schema, name }))) {
        statements.push(`drop index if exists ${qualified(names.schema(schema), name)}`)
      } else continue
      source ??= { schema, table: name }
    }
    if (source) await this.#runInAnyOrder(source, statements, lsn)
  }

  /** Whether something that is no table and of no table was dropped that went along. */
  drops({ type, names: of, schema: inSchema }: LoggedItem): boolean {
    if (DROPPED_OF_DATABASE.has(type)) return this.#args.selection?.objects === null
    if (!DROPPED_BY_IDENTITY.has(type) && !DROPPED_UNDER_OWN_NAME.has(type)) return false
    const schema = type === 'schema' ? of?.[0] : inSchema
    return typeof schema === 'string' && this.selectsWhole({ schema, name: of?.[1] ?? '' })
  }

  /** Whether an object that is no table goes along. */
  selectsWhole({ schema, name }: RelationName): boolean {
    const { selection } = this.#args
    return selection !== undefined && selectsSchema(selection, schema) === 'whole' && selects(selection, schema, name)
  }

  /** A partitioned table on the target that holds no rows itself. */
  async #isFollowedRoot(table: RelationName): Promise<boolean> {
    return this.selects(table) && (await this.#isPartitioned(table))
  }

  /** Those of tables are told with their tables. */
  async #isOfMaterializedView({ schema, name }: RelationName): Promise<boolean> {
    const rows = await this.#args.target.query(
      `select from pg_index i join pg_class c on c.oid = i.indrelid and c.relkind = 'm' where i.indexrelid = to_regclass($1)`,
      [qualified(this.#args.names.schema(schema), name)],
    )
    return rows.length > 0
  }

  async #isPartitioned(table: RelationName): Promise<boolean> {
    const { schema, name } = this.#args.names.relation(table)
    return (
      (await this.#args.target.query(`select from pg_class where oid = to_regclass($1) and relkind = 'p'`, [qualified(schema, name)]))
        .length > 0
    )
  }

  async #runInAnyOrder(source: { schema: string; table: string }, statements: readonly string[], lsn: string): Promise<void> {
    const { target } = this.#args
    for (let open = statements; open.length > 0;) {
      const refused: string[] = []
      for (const statement of open) {
        if (!(await unlessRefused(target, statement))) refused.push(statement)
      }
      if (refused.length === open.length) throw unsupported(source, 'was dropped, which the target refuses', lsn)
      open = refused
    }
  }

  /** Before the tables whose defaults name them. */
  async sequences(sequences: readonly LoggedSequence[], lsn: string): Promise<void> {
    const { target, names } = this.#args
    for (const sequence of sequences) {
      if (!this.#follows(sequence)) continue
      const to = names.relation(sequence)
      await this.#renameSequence(sequence, lsn)
      const [found] = await target.query(`select relpersistence as persistence from pg_class where oid = to_regclass($1)`, [
        qualified(to.schema, to.name),
      ])
      const source = { schema: sequence.schema, table: sequence.name }
      if (!found)
        await this.run(source, [`create schema if not exists ${ident(sequence.schema)}`], 'was made', lsn, await this.#hasSchema(to.schema))
      await this.run(source, sequenceStatements(sequence, found !== undefined), 'was made or altered', lsn)
      if (found && (found['persistence'] === 'u') !== sequence.unlogged)
        await this.run(
          source,
          [`alter sequence ${qualified(sequence.schema, sequence.name)} set ${sequence.unlogged ? 'un' : ''}logged`],
          'was altered',
          lsn,
        )
    }
  }

  async #renameSequence({ schema, name, before }: LoggedSequence, lsn: string): Promise<void> {
    const { target, names } = this.#args
    if (!before || (before.schema === schema && before.name === name)) return
    const [was, now] = [names.relation(before), names.relation({ schema, name })]
    const old = qualified(was.schema, was.name)
    const [there] = await target.query(`select from pg_class where oid = to_regclass($1) and relkind = 'S'`, [old])
    if (!there) return
    await this.#renameOnTarget('sequence', was, now, undefined, lsn)
  }

  /** After the tables. */
  async sequenceOwners(sequences: readonly LoggedSequence[], lsn: string): Promise<void> {
    for (const sequence of sequences)
      if (this.#follows(sequence))
        await this.run({ schema: sequence.schema, table: sequence.name }, [sequenceOwner(sequence)], 'got another owner', lsn)
  }

  #follows(sequence: LoggedSequence): boolean {
    return sequence.owner ? this.selects(sequence.owner) : this.selectsWhole(sequence)
  }

  /** Statements under the source's names. */
  async run(
    source: { readonly schema: string; readonly table: string },
    statements: readonly string[],
    what: string,
    lsn: string,
    done = false,
  ): Promise<void> {
    if (!done) for (const statement of statements) await this.#one(source, await this.rewrite(source, statement, lsn), what, lsn)
  }

  /** A statement under the target's names. */
  async rewrite(source: { readonly schema: string; readonly table: string }, statement: string, lsn: string): Promise<string> {
    const { names } = this.#args
    if (!names.changes) return statement
    await loadParser()
    try {
      return rewriteDefinition(statement, names).definition
    } catch (error) {
      if (!(error instanceof UnrewritableError)) throw error
      throw unsupported(source, `was changed, and ${error.message}`, lsn)
    }
  }

  async #one(source: { readonly schema: string; readonly table: string }, statement: string, what: string, lsn: string): Promise<void> {
    try {
      await this.#args.target.query(statement)
    } catch (error) {
      if (!isRefusal(error)) throw error
      throw unsupported(source, `${what}, and the target refuses the same`, lsn)
    }
  }
}

/** A change that could not be told from one that was made by hand meanwhile. */
export function copyNeeded({ sourceSchema: schema, sourceTable: table }: MigratedTable, found: string, lsn: string): MigrationError {
  const name = qualified(schema, table)
  const hint = 'Make the definitions equal, then send the signal resolve with copyAgain for this table, or with leaveOut.'
  const text = `On the source: ${name} ${found}, by the transaction that committed at ${lsn}. Nothing of that transaction was applied; pgmove waits. ${hint}`
  return new MigrationError('UnsupportedDdl', text, { side: 'source', table: name, sourceTable: { schema, table }, lsn, hint })
}
