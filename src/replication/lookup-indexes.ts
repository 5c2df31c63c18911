import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { recordChange } from '../schema/record-change.ts'
import type { BoundRelation } from './bound-relation.ts'
import { lookupColumns, lookupDefinition } from './lookup-columns.ts'

/** A smaller table is read as fast as its index. */
const SMALLEST_BYTES = 128 * 1024
/** After how many changes a table that had none is looked at again. */
const AGAIN_AFTER = 1000
/** How long the stream may stand still for one index. */
const BUILD_MS = 1_800_000
/** Whoever holds the table may hold it long. */
const LOCK_MS = 2000

/** Locked, or checks of the table are still to be made in this transaction. */
const LATER = new Set(['55P03', '55006'])

/** Of pgmove's own indexes; the comparison of catalogues passes over them. */
export function lookupIndexName(tableOid: string): string {
  return `pgmove_lookup_${tableOid}`
}

/**
 * Indexes for tables without a key, in which every UPDATE and DELETE would read the whole table: made at the first such change, in its
 * transaction, together with the record by which cutover, cancel or failure drop them. One that can't be made is done without.
 */
export class LookupIndexes {
  readonly #target: Database
  readonly #id: string
  /** For how many changes a table is left as it is, by OID. */
  readonly #left = new Map<string, number>()

  constructor(target: Database, id: string) {
    this.#target = target
    this.#id = id
  }

  /** Whether `beforeLookup` will ask the target. */
  due({ target }: BoundRelation): boolean {
    return (this.#left.get(target.oid) ?? 0) === 0
  }

  /** To be called in the open transaction before rows of a table without a key are looked for. */
  async beforeLookup(bound: BoundRelation): Promise<void> {
    const { oid, partitioned } = bound.target
    const left = this.#left.get(oid) ?? 0
    if (left === 0) this.#left.set(oid, partitioned || (await this.#settle(bound)) ? Infinity : AGAIN_AFTER)
    else this.#left.set(oid, left - 1)
  }

  /** Whether the table need not be looked at again. */
  async #settle(bound: BoundRelation): Promise<boolean> {
    const definition = lookupDefinition(lookupColumns(bound.written))
    if (definition === '') return true
    const { oid } = bound.target
    const [facts] = await this.#target.query<{ bytes: string; owner: string; there: string; lock: string; statement: string }>(
      `select pg_relation_size(c.oid) as bytes, pg_has_role(c.relowner, 'usage') as owner,
              exists (select from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and x.relname = $2) as there,
              current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement
         from pg_class c where c.oid = $1::oid`,
      [oid, lookupIndexName(oid)],
    )
    if (!facts || facts.there === 't' || facts.owner !== 't') return true
    if (Number(facts.bytes) < SMALLEST_BYTES) return false
    return this.#create(bound, definition, facts)
  }

  async #create({ target: table }: BoundRelation, definition: string, before: { lock: string; statement: string }): Promise<boolean> {
    const name = lookupIndexName(table.oid)
    const index = qualified(table.schema, name)
    const change = { kind: 'lookup_index', object: index, own: false, restore: `drop index if exists ${index}` }
    await this.#target.query('savepoint pgmove_lookup')
    try {
      await this.#timeouts(`${LOCK_MS}ms`, `${BUILD_MS}ms`)
      await recordChange(this.#target, this.#id, change, `create index ${ident(name)} on ${table.only} using btree (${definition})`)
      await this.#timeouts(before.lock, before.statement)
    } catch (error) {
      const state = sqlState(error)
      if (state === undefined) throw error
      await this.#target.query('rollback to savepoint pgmove_lookup')
      return !LATER.has(state)
    }
    await this.#target.query('release savepoint pgmove_lookup')
    return true
  }

  async #timeouts(lock: string, statement: string): Promise<void> {
    await this.#target.query(`select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`, [lock, statement])
  }
}
