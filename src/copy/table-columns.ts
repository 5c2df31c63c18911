import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'

/** A table as its catalogue has it now. */
export interface TableShape {
  readonly oid: string
  readonly kind: string
  readonly columns: readonly ShapeColumn[]
}

export interface ShapeColumn {
  readonly name: string
  /** As format_type() prints it, with its modifier. */
  readonly type: string
  readonly generated: boolean
  /** Whether an INSERT may leave it out: it has a default or takes NULL. */
  readonly optional: boolean
}

/** A column to copy, by its names and types on both sides. */
export interface CopiedColumn {
  readonly source: string
  readonly target: string
  readonly sourceType: string
  readonly targetType: string
}

interface Name {
  readonly schema: string
  readonly name: string
}

interface Row extends Record<string, string | null> {
  at: string
  oid: string
  kind: string
  name: string | null
  type: string
  generated: string
  optional: string
}

/** Undefined if there is no such table. */
export async function readTableShape(database: Database, schema: string, name: string): Promise<TableShape | undefined> {
  const [shape] = await readTableShapes(database, [{ schema, name }])
  return shape
}

/** Tables' shapes in the order of their names; undefined where there is no such table. */
export async function readTableShapes(database: Database, tables: readonly Name[]): Promise<(TableShape | undefined)[]> {
  const generated = database.version >= 120000 ? `a.attgenerated <> ''` : 'false'
  const rows = await database.query<Row>(
    `select t.at, c.oid, c.relkind as kind, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, ${generated} as generated,
            not a.attnotnull or a.atthasdef or a.attidentity <> '' as optional
       from json_to_recordset($1::json) as t (at int, schema text, name text)
       join pg_namespace n on n.nspname = t.schema
       join pg_class c on c.relnamespace = n.oid and c.relname = t.name
       left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      order by t.at, a.attnum`,
    [JSON.stringify(tables.map(({ schema, name }, at) => ({ at, schema, name })))],
  )
  const byTable = new Map<number, Row[]>()
  for (const row of rows) {
    const before = byTable.get(Number(row.at))
    if (before) before.push(row)
    else byTable.set(Number(row.at), [row])
  }
  return tables.map((_, at) => shapeOf(byTable.get(at) ?? []))
}

function shapeOf(rows: readonly Row[]): TableShape | undefined {
  const [first] = rows
  if (!first) return undefined
  const columns = rows.flatMap(({ name, type, generated, optional }) =>
    name === null ? [] : [{ name, type, generated: generated === 't', optional: optional === 't' }],
  )
  return { oid: first.oid, kind: first.kind, columns }
}

/**
 * The columns to copy, in the source's order: all but generated ones, which the target computes; `names` chooses and renames.
 * Throws if the target can't take them all, or wants others.
 */
export function copiedColumns(
  label: string,
  source: TableShape,
  target: TableShape,
  changed: 'UnsupportedDdl' | 'SchemaMismatch',
  names?: ReadonlyMap<string, string>,
): CopiedColumn[] {
  const there = new Map(target.columns.map((column) => [column.name, column]))
  const chosen = source.columns.flatMap((column) => {
    const name = names ? names.get(column.name) : column.name
    return name === undefined ? [] : [{ column, name, counterpart: there.get(name) }]
  })
  const known = new Set(chosen.map(({ name }) => name))
  const lost = [...(names?.keys() ?? [])].filter((name) => !source.columns.some((column) => column.name === name))
  const differing = [
    ...lost.map((name) => `"${name}" is missing on the source`),
    ...chosen
      .filter(({ column, counterpart }) => (column.generated ? counterpart?.generated === false : counterpart?.generated !== false))
      .map(
        ({ column, name, counterpart }) =>
          `"${name}" ${column.generated || counterpart ? 'is generated on one side only' : 'is missing on the target'}`,
      ),
    ...target.columns
      .filter(({ name, generated, optional }) => !known.has(name) && !generated && !optional)
      .map(({ name }) => `"${name}" is missing on the source and needs a value`),
  ]
  if (differing.length > 0) {
    throw new MigrationError(
      changed,
      `The columns of ${label} differ: ${differing.slice(0, 5).join(', ')}. Its copy waits. Make the definitions equal, then send the signal resume.`,
      { table: label },
    )
  }
  return chosen
    .filter(({ column }) => !column.generated)
    .map(({ column, name, counterpart }) => ({
      source: column.name,
      target: name,
      sourceType: column.type,
      targetType: counterpart?.type ?? '',
    }))
}
