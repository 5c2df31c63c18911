import type { RelationName } from '../mapping/name-map.ts'
import type { LoggedColumn } from './plan-column-changes.ts'
import type { LoggedEnum } from './plan-enum-changes.ts'
import type { LoggedPart } from './plan-index-changes.ts'

/** An object of a row of `pgmove.ddl_log`. */
export interface LoggedItem {
  readonly oid: string | number
  readonly type: string
  /** Of the command, which may have made other things besides. */
  readonly tag?: string
  readonly schema?: string | null
  /** As pg_identify_object() prints it. */
  readonly identity?: string
  /** Of a dropped object: schema, name, and what is behind it. */
  readonly names?: readonly string[] | null
  /** Of a rewrite: pg_event_trigger_table_rewrite_reason(). */
  readonly reason?: number
}

export interface LoggedState {
  readonly schema: string
  readonly name: string
  /** pg_class.relkind. */
  readonly kind: string
  readonly persistence: string
  /** pg_class.reloptions. */
  readonly options: readonly string[] | null
  /** ENABLE and FORCE ROW LEVEL SECURITY; absent from what an earlier version captured. */
  readonly rowSecurity?: boolean
  readonly forcedRowSecurity?: boolean
  /** Made by OF, after a composite type. */
  readonly typed: boolean
  readonly partition: boolean
  readonly bound: string | null
  /** PARTITION BY. */
  readonly key: string | null
  readonly extension: boolean
  /** Those that it inherits from; of a partition its parent. */
  readonly parents: readonly (RelationName & { readonly oid?: number })[]
  readonly foreignKeys: readonly LoggedForeignKey[]
  readonly columns: readonly LoggedColumn[]
  readonly indexes: readonly LoggedPart[]
  readonly constraints: readonly LoggedPart[]
  /** pg_class.relreplident. */
  readonly identity: string
  /** The index of REPLICA IDENTITY USING INDEX. */
  readonly identityIndex: string | null
  /** pg_class.reloptions of its TOAST table. */
  readonly toastOptions: readonly string[] | null
  /** The index of CLUSTER ON. */
  readonly clusteredOn: string | null
  readonly triggers: readonly LoggedSwitch[]
  /** None that makes a view. */
  readonly rules: readonly LoggedSwitch[]
  readonly statistics: readonly LoggedStatistics[]
}

export interface LoggedForeignKey extends LoggedPart {
  readonly comment: string | null
}

/** A trigger or a rule. */
export interface LoggedSwitch extends LoggedPart {
  /** pg_trigger.tgenabled or pg_rewrite.ev_enabled. */
  readonly enabled: 'O' | 'R' | 'A' | 'D'
}

/** What CREATE STATISTICS has made for a table. */
export interface LoggedStatistics extends LoggedPart {
  readonly schema: string
  /** Of SET STATISTICS. */
  readonly target: number | null
}

/** A table that the command could have changed, or whose parent it could. */
export interface LoggedTable {
  readonly oid: number
  /** Null for one that is new. */
  readonly before: LoggedState | null
  readonly after: LoggedState
  /** The topmost partitioned table, or itself; not told by `sql_drop`. */
  readonly root?: RelationName
  /** Ids of the migrations that publish it; not told by `sql_drop`. */
  readonly published?: readonly string[]
}

/** A sequence that was made or altered, but for those of identities. */
export interface LoggedSequence extends RelationName {
  /** What it was called, if that is known. */
  readonly before?: RelationName | null
  readonly parameters: string
  readonly unlogged: boolean
  readonly owner: (RelationName & { readonly column: string }) | null
}

/** What a command has made, altered or commented on that is no table. */
export interface LoggedObject {
  /** As pg_event_trigger_ddl_commands() calls it; every type is a `type`. */
  readonly type: string
  readonly tag: string
  readonly schema: string | null
  /** Of what belongs to a table, or of a commented table. */
  readonly table: string | null
  readonly name: string | null
  readonly identity: string
  /** The identity before the command; null for what is new. */
  readonly before: string | null
  readonly extension: boolean
  readonly comment: boolean
  /** What makes it under the source's names; null where that is not known. */
  readonly statement: string | null
  /** Of a domain, composite type or view, before the command and after it. */
  readonly stateBefore: LoggedType | LoggedView | null
  readonly state: LoggedType | LoggedView | null
  /** Of pg_get_object_address(). */
  readonly address: { readonly names: readonly string[]; readonly args: readonly string[] } | null
}

/** A domain, or a composite type. */
export type LoggedType =
  | { readonly default: string | null; readonly notNull: boolean; readonly constraints: readonly LoggedPart[] }
  | { readonly attributes: readonly { readonly number: number; readonly name: string; readonly type: string }[] }

/** A view or materialized view; only the latter has indexes. */
export interface LoggedView {
  readonly options: readonly string[] | null
  readonly clusteredOn: string | null
  readonly columns: readonly {
    readonly number: number
    readonly name: string
    readonly default: string | null
    readonly statistics: number | null
  }[]
  readonly indexes: readonly LoggedPart[]
}

/** A right on an object; of the owner, or granted by it, `to` and `by` are empty, of PUBLIC `to` is null. */
export interface LoggedRight {
  readonly to: string | null
  readonly by: string
  readonly right: string
  /** WITH GRANT OPTION. */
  readonly option: boolean
}

/** An object, or a column, that is new or whose owner or rights have changed. */
export interface LoggedAccess {
  readonly type: string
  readonly identity: string
  /** Of pg_identify_object_as_address(). */
  readonly names: readonly string[]
  readonly column: string | null
  /** A sequence that goes with its table. */
  readonly owned: boolean
  readonly made: boolean
  /** Null for what is new. */
  readonly ownerBefore: string | null
  readonly owner: string
  /** For what is new, what its owner and PUBLIC have without a grant. */
  readonly before: readonly LoggedRight[]
  readonly after: readonly LoggedRight[]
}

/** A row of `pgmove.ddl_log`, decoded. */
export interface LoggedDdl {
  readonly event: string
  readonly items: readonly LoggedItem[]
  readonly tables: readonly LoggedTable[]
  /** Enum types that were made or altered. */
  readonly enums: readonly LoggedEnum[]
  readonly sequences: readonly LoggedSequence[]
  readonly objects: readonly LoggedObject[]
  readonly access: readonly LoggedAccess[]
}

/** @param row as PostgreSQL prints its columns */
export function loggedDdl(row: Readonly<Record<string, string | null>>): LoggedDdl {
  const payload = JSON.parse(row['payload'] ?? '{}') as Partial<LoggedDdl>
  const { items = [], tables = [], enums = [], sequences = [], objects = [], access = [] } = payload
  return { event: row['event'] ?? '', items, tables, enums, sequences, objects, access }
}
