import { loadParser, parse } from '../mapping/sql-parser.ts'
import { ident, qualified } from '../postgres/quote.ts'

/** A primary key or unique constraint in two steps: the index takes the time, and builds beside other indexes of its table. */
export interface SplitConstraint {
  /** Of the constraint and of its index. */
  readonly name: string
  readonly index: string
  /** Makes the constraint of the index; also what else the definition did. */
  readonly attach: string
}

interface Text {
  readonly String?: { readonly sval?: string }
}

interface Constraint {
  readonly contype?: string
  readonly conname?: string
  readonly deferrable?: boolean
  readonly initdeferred?: boolean
  readonly nulls_not_distinct?: boolean
  readonly keys?: readonly Text[]
  readonly including?: readonly Text[]
  readonly options?: readonly unknown[]
  readonly indexname?: string
  readonly indexspace?: string
  readonly without_overlaps?: boolean
}

interface AlterTable {
  readonly relation?: { readonly schemaname?: string; readonly relname?: string }
  readonly cmds?: readonly { readonly AlterTableCmd?: { readonly subtype?: string; readonly def?: { readonly Constraint?: Constraint } } }[]
}

/** Undefined if the definition does something else, or something that an index alone can't be told. */
export async function splitConstraint(definition: string): Promise<SplitConstraint | undefined> {
  await loadParser()
  const parsed = (parse(definition) ?? {}) as {
    stmts?: { stmt?: { AlterTableStmt?: AlterTable }; stmt_location?: number; stmt_len?: number }[]
  }
  const [first] = parsed.stmts ?? []
  const alter = first?.stmt?.AlterTableStmt
  const [command, ...others] = alter?.cmds ?? []
  const constraint = command?.AlterTableCmd?.def?.Constraint
  const { schemaname, relname } = alter?.relation ?? {}
  if (!first || !constraint || others.length > 0 || schemaname === undefined || relname === undefined) return undefined
  const { contype, conname, keys, including = [], options = [] } = constraint
  if (command?.AlterTableCmd?.subtype !== 'AT_AddConstraint' || conname === undefined || !keys) return undefined
  if (contype !== 'CONSTR_PRIMARY' && contype !== 'CONSTR_UNIQUE') return undefined
  if (options.length > 0 || constraint.indexname || constraint.indexspace || constraint.without_overlaps) return undefined
  const table = qualified(schemaname, relname)
  const included = including.length === 0 ? '' : ` include (${names(including)})`
  const nulls = constraint.nulls_not_distinct ? ' nulls not distinct' : ''
  const deferred = constraint.deferrable ? ` deferrable${constraint.initdeferred ? ' initially deferred' : ''}` : ''
  const kind = contype === 'CONSTR_PRIMARY' ? 'primary key' : 'unique'
  // The parser counts bytes.
  const rest = Buffer.from(definition)
    .subarray((first.stmt_location ?? 0) + (first.stmt_len ?? definition.length))
    .toString()
    .replace(/^\s*;/, '')
  return {
    name: conname,
    index: `create unique index ${ident(conname)} on ${table} using btree (${names(keys)})${included}${nulls}`,
    attach: `alter table only ${table} add constraint ${ident(conname)} ${kind} using index ${ident(conname)}${deferred};${rest}`,
  }
}

function names(nodes: readonly Text[]): string {
  return nodes.map(({ String: text }) => ident(text?.sval ?? '')).join(', ')
}
