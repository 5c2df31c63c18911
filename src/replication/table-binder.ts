import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { NameMap } from '../mapping/name-map.ts'
import { formatLsn, parseLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import { bindRelation, unsupported } from './bound-relation.ts'
import type { BoundRelation } from './bound-relation.ts'
import { alreadyCopied } from './handoff-rule.ts'
import type { CopiedUnit, StreamedTransaction } from './handoff-rule.ts'
import type { RelationMessage } from './pgoutput-message.ts'
import { parseSnapshot } from './snapshot.ts'
import { readTargetTable } from './target-table.ts'
import type { TargetTable } from './target-table.ts'

interface SourceTable {
  readonly schema: string
  readonly table: string
  /** Its OID on the source, where the stream tells it. */
  readonly id?: number
}

/** A selected table. */
export interface FoundTable {
  readonly table: MigratedTable
  /** Whether its copy has seen the transaction. */
  readonly seen: boolean
  /** Whether it is to be copied again. */
  readonly marked: boolean
}

/** Finds the target's table for each streamed relation, and leaves out what the table's copy holds already (HANDOFF.md R4). */
export class TableBinder {
  readonly #target: Database
  readonly #tables: Map<string, MigratedTable>
  readonly #names: NameMap
  readonly #copied: Map<string, CopiedUnit>
  readonly #leftOut: Set<string>
  /** To be copied again: nothing is applied to them. */
  readonly #marked: Set<string>
  /** Whether any was marked from the start: others are applied past it. */
  readonly awaitsCopy: boolean
  /** Tables that were copied again, and from which position on their changes are still to be applied. */
  readonly #behind: Map<string, bigint>
  /** Up to this commit all other tables have theirs. */
  readonly #appliedTo: bigint
  /** From here on no copy holds anything. */
  readonly #allCopied: bigint
  /** By RELATION message: a later one reads the target's catalogue again. */
  #bound = new WeakMap<RelationMessage, BoundRelation>()
  /** By OID and a name that the table had: of a schema's new name the stream does not tell. */
  readonly #renamed = new Map<string, string>()

  /** @param appliedTo commit LSN of the last source transaction that was applied */
  constructor(target: Database, tables: ReadonlyMap<string, MigratedTable>, names: NameMap = new NameMap(), appliedTo = 0n) {
    this.#target = target
    this.#names = names
    this.#tables = new Map(tables)
    this.#appliedTo = appliedTo
    this.#marked = new Set([...tables].flatMap(([name, { copyAgain }]) => (copyAgain === undefined ? [] : [name])))
    this.awaitsCopy = this.#marked.size > 0
    this.#behind = behindPositions(tables)
    this.#copied = new Map(
      [...tables].flatMap(([name, { copied }]) =>
        copied ? [[name, { snapshot: parseSnapshot(copied.snapshot), lsn: parseLsn(copied.lsn) }] as const] : [],
      ),
    )
    this.#leftOut = new Set([...tables].flatMap(([name, { leftOut }]) => (leftOut ? [name] : [])))
    this.#allCopied = [...this.#copied.values()].reduce((most, { lsn }) => (lsn > most ? lsn : most), 0n)
  }

  /** `passed` if nothing is to be applied, since the table has it, is left out or waits for its copy; undefined if the relation is to be bound first. */
  known(relation: RelationMessage, transaction: StreamedTransaction): BoundRelation | 'passed' | undefined {
    return this.#isPassed(relation, transaction) ? 'passed' : this.#bound.get(relation)
  }

  /** The selected table of that name on the source, and whether its copy has seen `transaction`; undefined if it is left out. */
  selected(schema: string, table: string, transaction: StreamedTransaction): FoundTable | undefined {
    const name = nameOf({ schema, table })
    const found = this.#tables.get(name)
    if (!found || this.#leftOut.has(name)) return undefined
    const marked = this.#marked.has(name)
    return { table: found, marked, seen: !marked && this.#isPassed({ schema, table }, transaction) }
  }

  /** Every selected table that holds rows, as DDL has left them. */
  get tables(): ReadonlyMap<string, MigratedTable> {
    return this.#tables
  }

  /** A table that has come; with `marked` its changes are passed over until it is copied. */
  add(table: MigratedTable, marked: boolean): void {
    const name = nameOf({ schema: table.sourceSchema, table: table.sourceTable })
    this.#tables.set(name, table)
    const { copied } = table
    if (copied && !marked) this.#copied.set(name, { snapshot: parseSnapshot(copied.snapshot), lsn: parseLsn(copied.lsn) })
    if (marked) this.#marked.add(name)
  }

  /** After DDL: also a relation that the stream does not send again may be another's, or bound to other columns. */
  bindAnew(): void {
    this.#bound = new WeakMap()
  }

  /** A table that has another name now; a stream that began before may go on calling it by the old one. */
  rename(was: MigratedTable, now: MigratedTable): void {
    const [from, to] = [was, now].map(({ sourceSchema: schema, sourceTable: table }) => nameOf({ schema, table })) as [string, string]
    this.add(now, this.remove(was))
    const oid = now.sourceOid
    if (oid === undefined) return
    for (const [known, name] of this.#renamed) if (name === from && known.startsWith(`${oid}\0`)) this.#renamed.set(known, to)
    this.#renamed.set(`${oid}\0${from}`, to)
    this.#renamed.delete(`${oid}\0${to}`)
  }

  /** A table that has gone, or has another name now; returns whether it was marked. */
  remove({ sourceSchema, sourceTable }: MigratedTable): boolean {
    const name = nameOf({ schema: sourceSchema, table: sourceTable })
    this.#tables.delete(name)
    this.#copied.delete(name)
    return this.#marked.delete(name)
  }

  /** Throws `UnsupportedDdl` if the relation is not selected or does not fit its table. */
  async bind(relation: RelationMessage, transaction: StreamedTransaction): Promise<BoundRelation> {
    const migrated = this.#tables.get(this.#nameOf(relation))
    const lsn = formatLsn(transaction.finalLsn)
    if (!migrated) throw unsupported(relation, 'is not among the tables that were there when the migration began', lsn)
    checkSame(relation, migrated, lsn)
    const bound = bindRelation(relation, await this.#read(migrated, lsn), lsn, migrated.columns)
    this.#bound.set(relation, bound)
    return bound
  }

  /** The target's tables that a TRUNCATE of `relations` is to empty. */
  async truncated(relations: readonly SourceTable[], transaction: StreamedTransaction): Promise<TargetTable[]> {
    const lsn = formatLsn(transaction.finalLsn)
    const tables: TargetTable[] = []
    for (const relation of relations) {
      if (this.#isPassed(relation, transaction)) continue
      const migrated = this.#tables.get(this.#nameOf(relation))
      if (migrated) {
        checkSame(relation, migrated, lsn)
        tables.push(await this.#read(migrated, lsn))
      } else if (!(await this.#isRoot(relation))) {
        throw unsupported(relation, 'was truncated and is not among the tables that were there when the migration began', lsn)
      }
    }
    return tables
  }

  #isPassed(relation: SourceTable, transaction: StreamedTransaction): boolean {
    if (this.#leftOut.size > 0 && this.#leftOut.has(this.#nameOf(relation))) return true
    if (this.#marked.size > 0 && this.#marked.has(this.#nameOf(relation))) return true
    if (this.#behind.size > 0 && transaction.finalLsn <= this.#appliedTo) {
      const from = this.#behind.get(this.#nameOf(relation))
      if (from === undefined || transaction.finalLsn < from) return true
    }
    if (transaction.finalLsn >= this.#allCopied) return false
    const copied = this.#copied.get(this.#nameOf(relation))
    return copied !== undefined && alreadyCopied(transaction, copied)
  }

  #nameOf(relation: SourceTable): string {
    const name = nameOf(relation)
    return (this.#renamed.size > 0 && this.#renamed.get(`${relation.id ?? ''}\0${name}`)) || name
  }

  async #read({ targetSchema, targetTable }: MigratedTable, lsn: string): Promise<TargetTable> {
    const table = await readTargetTable(this.#target, targetSchema, targetTable)
    if (table) return table
    const label = qualified(targetSchema, targetTable)
    const text =
      `On the target: the table ${label} is gone; the source transaction that committed at ${lsn} changes it. Nothing of that transaction ` +
      'was applied; pgmove waits. Put the table back as pgmove left it, then send the signal resume.'
    throw new MigrationError('SchemaMismatch', text, { side: 'target', table: label, lsn })
  }

  /** A partitioned table holds no rows: a TRUNCATE of it lists its partitions too. */
  async #isRoot({ schema, table }: SourceTable): Promise<boolean> {
    const root = this.#names.relation({ schema, name: table })
    const found = await readTargetTable(this.#target, root.schema, root.name)
    return found?.partitioned === true
  }
}

/** From which position on the changes of each table that was copied again are still to be applied, by its name. */
export function behindPositions(tables: ReadonlyMap<string, MigratedTable>): Map<string, bigint> {
  return new Map(
    [...tables].flatMap(([name, { behindLsn, copyAgain, leftOut }]) =>
      behindLsn === undefined || copyAgain !== undefined || leftOut ? [] : [[name, parseLsn(behindLsn)] as const],
    ),
  )
}

/** Names can be traded: rows of a table that has taken another's name would go, unnoticed, into the other's. */
function checkSame(relation: SourceTable, { sourceOid }: MigratedTable, lsn: string): void {
  if (relation.id === undefined || sourceOid === undefined || relation.id === Number(sourceOid)) return
  const name = qualified(relation.schema, relation.table)
  const text =
    `On the source: ${name} is another table than the one that had this name: it was renamed or made anew, seen in the transaction that committed at ` +
    `${lsn}. Nothing of that transaction was applied; pgmove waits.`
  const { schema, table } = relation
  const argument = JSON.stringify({ schema, table, action: 'copyAgain' })
  const hint = `Send the signal resolve with ${argument}, and the same for every other table that was renamed.`
  throw new MigrationError('UnsupportedDdl', text, { side: 'source', table: name, sourceTable: { schema, table }, lsn, hint })
}

function nameOf({ schema, table }: SourceTable): string {
  return `${schema}\0${table}`
}
