import type { Database } from '../postgres/connect.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { SelectedTable, TableName } from '../source/selected-tables.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'

/** A role and what it may do by itself. */
export interface Role {
  readonly name: string
  readonly superuser: boolean
}

/** What the checks are about; read once. */
export interface PrecheckContext {
  readonly source: Database
  readonly target: Database
  readonly spec: PrecheckSpec
  /** The migration's id: what it has made itself earlier is no hindrance. */
  readonly id: string
  readonly schema: boolean
  readonly full: boolean
  readonly incremental: boolean
  /** Selected tables, partitioned ones and their partitions. */
  readonly tables: readonly SelectedTable[]
  /** Schemas of the source of which something is selected. */
  readonly schemas: readonly string[]
  readonly sourceRole: Role
  readonly targetRole: Role
  readonly signal: AbortSignal
}

export type PrecheckSpec = Pick<MigrationSpec, 'types' | 'objects' | 'exclude' | 'existing' | 'ddl'>

export interface PrecheckArgs {
  readonly source: Database
  readonly target: Database
  readonly spec: PrecheckSpec
  readonly id: string
  readonly signal: AbortSignal
}

export async function readContext({ source, target, spec, id, signal }: PrecheckArgs): Promise<PrecheckContext> {
  const schemas = await source.query<{ name: string }>('select nspname as name from pg_namespace order by 1')
  return {
    source,
    target,
    spec,
    id,
    signal,
    schema: spec.types.includes('schema'),
    full: spec.types.includes('full'),
    incremental: spec.types.includes('incremental'),
    tables: await readSelectedTables(source, spec),
    schemas: schemas.map(({ name }) => name).filter((name) => selectsSchema(spec, name) !== 'no'),
    sourceRole: await readRole(source),
    targetRole: await readRole(target),
  }
}

async function readRole(database: Database): Promise<Role> {
  const [row] = await database.query<{ name: string; superuser: string }>(
    'select rolname as name, rolsuper as superuser from pg_roles where rolname = current_user',
  )
  return { name: row?.name ?? '', superuser: row?.superuser === 't' }
}

/** Parameter for `any ($n::oid[])`. */
export function oidList(tables: readonly { readonly oid: string }[]): string {
  return `{${tables.map(({ oid }) => oid).join(',')}}`
}

/** Parameter for `json_to_recordset($n::json) as x (schema text, name text)`. */
export function nameList(tables: readonly TableName[]): string {
  return JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })))
}
