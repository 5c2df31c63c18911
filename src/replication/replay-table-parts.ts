import type { RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { note } from '../state/migration-record.ts'
import { unsupported } from './bound-relation.ts'
import { alwaysLater, dropIdentity, dropOfTable } from './follow-pending.ts'
import { renameForeignKey } from './follow-foreign-keys.ts'
import { renameSwitch, setFiring } from './follow-switches.ts'
import type { LoggedState, LoggedStatistics, LoggedSwitch } from './logged-ddl.ts'
import { planTableSettings, plainSettings } from './plan-table-settings.ts'
import type { ReplayArgs, TableReplay } from './replay-tables.ts'
import { withoutType } from './table-definition.ts'
import { unlessRefused } from './unless-refused.ts'

const SWITCHES = ['trigger', 'rule'] as const

/** What belongs to a table beside its rows, columns, indexes and constraints: foreign keys, triggers, rules, extended statistics, settings. */
export class TablePartsReplay {
  readonly #args: ReplayArgs
  readonly #target: Database
  readonly #tables: TableReplay

  constructor(args: ReplayArgs, tables: TableReplay) {
    this.#args = args
    this.#target = args.target
    this.#tables = tables
  }

  /** @param before undefined: the table was made by the command, with its columns, indexes and constraints */
  async apply(before: LoggedState | undefined, after: LoggedState, table: MigratedTable, lsn: string): Promise<void> {
    await this.#foreignKeys(before?.foreignKeys ?? [], after, table, lsn)
    await this.#rename(before, after, table)
    if (before) await this.#identities(before, after, table, lsn)
    await this.#statistics(before?.statistics ?? [], after.statistics, after, lsn)
    await this.#settings(before, after, table, lsn)
  }

  /** Once triggers and rules that the command has made are remembered. */
  async firing(before: LoggedState | undefined, after: LoggedState, table: MigratedTable): Promise<void> {
    for (const kind of SWITCHES) {
      const had = switches(before, kind)
      for (const { oid, name, definition, enabled } of switches(after, kind).values()) {
        const old = had.get(oid)
        const changed = old ? old.enabled !== enabled || (old.definition !== definition && enabled !== 'O') : enabled !== 'O'
        if (changed) await setFiring(this.#target, this.#args.id, { kind, table: named(table), name }, enabled)
      }
    }
  }

  async #rename(before: LoggedState | undefined, after: LoggedState, table: MigratedTable): Promise<void> {
    for (const kind of SWITCHES) {
      const now = switches(after, kind)
      for (const { oid, name } of switches(before, kind).values()) {
        const to = now.get(oid)?.name ?? name
        if (to !== name) await renameSwitch(this.#target, this.#args.id, { kind, table: named(table), name }, to)
      }
    }
  }

  /** One that is another now is made anew at the cutover, which checks its rows. */
  async #foreignKeys(before: LoggedState['foreignKeys'], after: LoggedState, table: MigratedTable, lsn: string): Promise<void> {
    const had = new Map(before.map((key) => [key.oid, key]))
    for (const key of after.foreignKeys) {
      const old = had.get(key.oid)
      if (old && old.name !== key.name) await renameForeignKey(this.#target, this.#args.id, named(table), old.name, key.name)
      if (old && terms(old) === terms(key)) continue
      if (old) await dropOfTable(this.#target, this.#args.id, 'table constraint', named(table), key.name)
      await this.#tables.addForeignKey(after, key, lsn)
    }
  }

  /** Whether a column is GENERATED ALWAYS from the cutover on, and the name and parameters of its sequence, whose value is set at the cutover. */
  async #identities(before: LoggedState, after: LoggedState, { columns, ...table }: MigratedTable, lsn: string): Promise<void> {
    const had = new Map(before.columns.map((column) => [column.number, column]))
    const label = qualified(table.targetSchema, table.targetTable)
    for (const column of after.columns) {
      const old = had.get(column.number)
      const name = columns ? columns.get(column.name) : column.name
      if (!old || name === undefined || (column.inherited && !column.local)) continue
      if (old.always === 'a' && column.always !== 'a')
        await dropIdentity(this.#target, this.#args.id, { schema: table.targetSchema, name: table.targetTable }, name)
      if (old.always !== 'a' && column.always === 'a') await alwaysLater(this.#target, this.#args.id, label, name)
      const [was, now] = [old.sequence, column.sequence]
      if (!was || !now || (was.name === now.name && was.parameters === now.parameters)) continue
      const [there] = await this.#target.query<{ schema: string; name: string }>(
        `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.oid = pg_get_serial_sequence($1, $2)::regclass`,
        [label, name],
      )
      if (!there) continue
      const to = this.#args.names.relation(now).name
      const statements = [
        ...(there.name === to ? [] : [`alter sequence ${qualified(there.schema, there.name)} rename to ${ident(to)}`]),
        `alter sequence ${qualified(there.schema, to)} ${withoutType(now.parameters)} restart`,
      ]
      for (const statement of statements) {
        if (await unlessRefused(this.#target, statement)) continue
        throw unsupported(
          { schema: after.schema, table: after.name },
          `had the identity ${JSON.stringify(column.name)} changed, which the target refuses`,
          lsn,
        )
      }
    }
  }

  async #statistics(
    before: readonly LoggedStatistics[],
    after: readonly LoggedStatistics[],
    state: LoggedState,
    lsn: string,
  ): Promise<void> {
    const had = new Map(before.map((one) => [one.oid, one]))
    const has = new Set(after.map(({ oid }) => oid))
    const source = { schema: state.schema, table: state.name }
    const run = (statement: string): Promise<void> => this.#tables.run(source, [statement], 'had its extended statistics changed', lsn)
    for (const one of before) {
      if (has.has(one.oid)) continue
      await this.#forgetPending(one)
      await run(`drop statistics if exists ${qualified(one.schema, one.name)}`)
    }
    for (const one of after) {
      const old = had.get(one.oid)
      const label = qualified(one.schema, one.name)
      const there = await this.#hasStatistics(one)
      if (old && (await this.#hasStatistics(old))) {
        if (old.schema !== one.schema && !there)
          await run(`alter statistics ${qualified(old.schema, old.name)} set schema ${ident(one.schema)}`)
        if (old.name !== one.name && !there) await run(`alter statistics ${qualified(one.schema, old.name)} rename to ${ident(one.name)}`)
      } else if (!there) {
        if (old) await this.#forgetPending(old)
        await run(one.definition)
      }
      if ((old?.target ?? null) !== one.target) await run(`alter statistics ${label} set statistics ${one.target ?? -1}`)
    }
  }

  async #hasStatistics({ schema, name }: RelationName): Promise<boolean> {
    const to = this.#args.names.schema(schema)
    const rows = await this.#target.query(
      `select from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where n.nspname = $1 and s.stxname = $2`,
      [to, name],
    )
    return rows.length > 0
  }

  async #forgetPending({ schema, name }: RelationName): Promise<void> {
    await this.#target.query(
      `update pgmove.entry set restored_at = clock_timestamp(), skipped = 'made anew on the source'
        where id = $1 and restored_at is null and kind = 'STATISTICS' and schema = $2 and name = $3`,
      [this.#args.id, this.#args.names.schema(schema), name],
    )
  }

  /** They change no row, and the target may not know them: what it refuses is told. */
  async #settings(
    before: LoggedState | undefined,
    after: LoggedState,
    { targetSchema, targetTable, columns }: MigratedTable,
    lsn: string,
  ): Promise<void> {
    const label = qualified(targetSchema, targetTable)
    const statements = planTableSettings(
      before ?? plainSettings(after),
      after,
      label,
      (name) => qualified(targetSchema, name),
      (name) => (columns ? columns.get(name) : name),
    )
    for (const statement of statements) {
      if (await unlessRefused(this.#target, statement)) continue
      const text = `The source's table was altered by the transaction that committed at ${lsn}, and the target refuses the same: ${statement}. Make it by hand.`
      await note(this.#target, this.#args.id, 'warning', label, text)
    }
  }
}

/** What ALTER CONSTRAINT and VALIDATE CONSTRAINT change of a key's definition; its tables and columns may be called otherwise. */
function terms({ definition }: { readonly definition: string }): string {
  return definition.replace(/^FOREIGN KEY .*? REFERENCES .*?\)(?= |$)/, '')
}

function switches(state: LoggedState | undefined, kind: (typeof SWITCHES)[number]): ReadonlyMap<number, LoggedSwitch> {
  return new Map((state?.[`${kind}s`] ?? []).map((one) => [one.oid, one]))
}

function named({ targetSchema, targetTable }: MigratedTable): RelationName {
  return { schema: targetSchema, name: targetTable }
}
