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
  readonly generated: boolean
  /** Whether an INSERT may leave it out: it has a default or takes NULL. */
  readonly optional: boolean
}

/** Undefined if there is no such table. */
export async function readTableShape(database: Database, schema: string, name: string): Promise<TableShape | undefined> {
  const generated = database.version >= 120000 ? `a.attgenerated <> ''` : 'false'
  const rows = await database.query<{ oid: string; kind: string; name: string | null; generated: string; optional: string }>(
    `select c.oid, c.relkind as kind, a.attname as name, ${generated} as generated,
            not a.attnotnull or a.atthasdef or a.attidentity <> '' as optional
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where n.nspname = $1 and c.relname = $2 order by a.attnum`,
    [schema, name],
  )
  const [first] = rows
  if (!first) return undefined
  const columns = rows.flatMap((row) =>
    row.name === null ? [] : [{ name: row.name, generated: row.generated === 't', optional: row.optional === 't' }],
  )
  return { oid: first.oid, kind: first.kind, columns }
}

/**
 * The columns to copy, in the source's order: all but generated ones, which the target computes. Throws if the target can't
 * take them all, or wants others.
 */
export function copiedColumns(
  label: string,
  source: TableShape,
  target: TableShape,
  changed: 'UnsupportedDdl' | 'SchemaMismatch',
): string[] {
  const there = new Map(target.columns.map((column) => [column.name, column]))
  const here = new Map(source.columns.map((column) => [column.name, column]))
  const differing = [
    ...source.columns
      .filter(({ name, generated }) => (generated ? there.get(name)?.generated === false : there.get(name)?.generated !== false))
      .map(
        ({ name, generated }) => `"${name}" ${generated || there.has(name) ? 'is generated on one side only' : 'is missing on the target'}`,
      ),
    ...target.columns
      .filter(({ name, generated, optional }) => !here.has(name) && !generated && !optional)
      .map(({ name }) => `"${name}" is missing on the source and needs a value`),
  ]
  if (differing.length === 0) return source.columns.filter(({ generated }) => !generated).map(({ name }) => name)
  throw new MigrationError(
    changed,
    `The columns of ${label} differ: ${differing.slice(0, 5).join(', ')}. Its copy waits. Make the definitions equal, then send the signal resume.`,
    { table: label },
  )
}
