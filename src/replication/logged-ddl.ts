import type { LoggedColumn } from './plan-column-changes.ts'
import type { LoggedEnum } from './plan-enum-changes.ts'
import type { LoggedPart } from './plan-index-changes.ts'

/** An object of a row of `pgmove.ddl_log`. */
export interface LoggedItem {
  readonly oid: string | number
  readonly type: string
  /** Of a dropped object: schema, name, and what is behind it. */
  readonly names?: readonly string[] | null
  /** Of a rewrite: pg_event_trigger_table_rewrite_reason(). */
  readonly reason?: number
}

export interface LoggedState {
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly columns: readonly LoggedColumn[]
  readonly indexes: readonly LoggedPart[]
  readonly constraints: readonly LoggedPart[]
}

/** A table that the command could have changed, or whose parent it could. */
export interface LoggedTable {
  readonly oid: number
  /** Null for one that is new. */
  readonly before: LoggedState | null
  readonly after: LoggedState
}

/** A row of `pgmove.ddl_log`, decoded. */
export interface LoggedDdl {
  readonly event: string
  readonly items: readonly LoggedItem[]
  readonly tables: readonly LoggedTable[]
  /** Enum types that were made or altered. */
  readonly enums: readonly LoggedEnum[]
}

/** @param row as PostgreSQL prints its columns */
export function loggedDdl(row: Readonly<Record<string, string | null>>): LoggedDdl {
  const payload = JSON.parse(row['payload'] ?? '{}') as Partial<Pick<LoggedDdl, 'items' | 'tables' | 'enums'>>
  return { event: row['event'] ?? '', items: payload.items ?? [], tables: payload.tables ?? [], enums: payload.enums ?? [] }
}
