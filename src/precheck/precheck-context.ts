import type { NameMap } from '../mapping/name-map.ts'
import { readSourceNameMap } from '../mapping/read-name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { readSelectedTables } from '../source/selected-tables.ts'
import type { SelectedTable, TableName } from '../source/selected-tables.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'
import { comparableShape, mappedShape } from './mapped-shape.ts'
import { readTableShapes } from './table-shapes.ts'
import type { TableShape } from './table-shapes.ts'
import { walPosition } from './wal-position.ts'
import type { WalPosition } from './wal-position.ts'

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
  /** How names are called on the target, and which columns are left out. */
  readonly names: NameMap
  /** The selected tables by their names on the target, in the order of `tables`. */
  readonly targetTables: readonly TableName[]
  readonly sourceRole: Role
  readonly targetRole: Role
  /**
   * Tables that hold rows as they are to be and as they are on the target, both by their quoted names on the source; read once, when
   * first asked for.
   */
  readonly shapes: () => Promise<{ readonly source: ReadonlyMap<string, TableShape>; readonly target: ReadonlyMap<string, TableShape> }>
  /** Of the source when the precheck began. */
  readonly walAtStart: WalPosition
  readonly signal: AbortSignal
}

export type PrecheckSpec = Pick<MigrationSpec, 'types' | 'objects' | 'exclude' | 'existing' | 'ddl'> &
  Partial<Pick<MigrationSpec, 'roles' | 'copy' | 'cutover'>>

export interface PrecheckArgs {
  readonly source: Database
  readonly target: Database
  readonly spec: PrecheckSpec
  readonly id: string
  readonly signal: AbortSignal
}

export async function readContext({ source, target, spec, id, signal }: PrecheckArgs): Promise<PrecheckContext> {
  const walAtStart = await walPosition(source)
  const schemas = await source.query<{ name: string }>('select nspname as name from pg_namespace order by 1')
  const names = await readSourceNameMap(source, spec)
  const tables = await readSelectedTables(source, spec, names)
  let shapes: ReturnType<PrecheckContext['shapes']> | undefined
  const readShapes: PrecheckContext['shapes'] = async () => {
    const rowTables = tables.filter(({ kind }) => kind === 'r')
    const targets = rowTables.map((table) => names.relation(table))
    const [here, there] = await Promise.all([readTableShapes(source, rowTables), readTableShapes(target, targets)])
    const under = (shapes: ReadonlyMap<string, TableShape>, name: TableName, label: string, map: (shape: TableShape) => TableShape) => {
      const shape = shapes.get(qualified(name.schema, name.name))
      return shape ? [[label, map(shape)] as const] : []
    }
    const labelled = rowTables.map((table) => ({ table, label: qualified(table.schema, table.name) }))
    return {
      source: new Map(labelled.flatMap(({ table, label }) => under(here, table, label, (shape) => mappedShape(table, shape, names)))),
      target: new Map(labelled.flatMap(({ table, label }) => under(there, names.relation(table), label, comparableShape))),
    }
  }
  return {
    source,
    target,
    spec,
    id,
    walAtStart,
    signal,
    schema: spec.types.includes('schema'),
    full: spec.types.includes('full'),
    incremental: spec.types.includes('incremental'),
    tables,
    names,
    targetTables: tables.map((table) => names.relation(table)),
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
