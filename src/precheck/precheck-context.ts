import type { Database } from '../postgres/connect.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { SelectedTable } from '../source/selected-tables.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'
import { readTableShapes } from './table-shapes.ts'
import type { TableShape } from './table-shapes.ts'

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
  /** Tables that hold rows as they are on both sides; read once, when first asked for. */
  readonly shapes: () => Promise<{ readonly source: ReadonlyMap<string, TableShape>; readonly target: ReadonlyMap<string, TableShape> }>
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
  const tables = await readSelectedTables(source, spec)
  let shapes: ReturnType<PrecheckContext['shapes']> | undefined
  const readShapes: PrecheckContext['shapes'] = async () => {
    const rowTables = tables.filter(({ kind }) => kind === 'r')
    const [here, there] = await Promise.all([readTableShapes(source, rowTables), readTableShapes(target, rowTables)])
    return { source: here, target: there }
  }
  return {
    source,
    target,
    spec,
    id,
    signal,
    schema: spec.types.includes('schema'),
    full: spec.types.includes('full'),
    incremental: spec.types.includes('incremental'),
    tables,
    shapes: () => (shapes ??= readShapes()),
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
