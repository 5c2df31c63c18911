import { MigrationError } from '../errors/migration-error.ts'
import { mappedType } from '../mapping/mapped-type.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { readMigratedTables } from '../state/migrated-table.ts'
import { publicationName } from '../state/migration-ref.ts'
import { readNameMap } from '../state/name-map-record.ts'
import { readUnpublished } from './publication.ts'
import { readSelectedTables } from './selected-tables.ts'

interface TargetColumn extends Record<string, string | null> {
  schema: string
  table: string
  column: string
  type: string
}

/**
 * Compares the selected tables as the source has them now with what stands on the target: a table made, dropped, renamed or made anew,
 * a column added, dropped, renamed or retyped since the definitions were copied. Fails with `UnsupportedDdl` naming the
 * first differences. Columns that are not selected may be anything. `sameTypes` is for migrations whose target tables pgmove made; others may have wider types.
 */
export async function checkDefinitionDrift(
  source: Database,
  target: Database,
  { id, spec, sameTypes }: { id: string; spec: Pick<MigrationSpec, 'objects' | 'exclude'>; sameTypes: boolean },
): Promise<void> {
  const migrated = new Map((await readMigratedTables(target, id)).map((t) => [`${t.sourceSchema}\0${t.sourceTable}`, t]))
  const names = await readNameMap(target, id)
  const unmapped = new NameMap()
  const found = new Map<string, Map<string, string>>()
  const rows = await target.query<TargetColumn>(
    `select n.nspname as schema, c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
     from pgmove.migrated_table m
     join pg_namespace n on n.nspname = m.target_schema
     join pg_class c on c.relnamespace = n.oid and c.relname = m.target_table
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where m.id = $1`,
    [id],
  )
  for (const { schema, table, column, type } of rows) {
    const key = `${schema}\0${table}`
    const columns = found.get(key)
    if (columns) columns.set(column, type)
    else found.set(key, new Map([[column, type]]))
  }

  const differences: string[] = []
  const differing = new Map<string, { schema: string; table: string }>()
  const differ = ({ schema, name }: { readonly schema: string; readonly name: string }, difference: string): void => {
    differences.push(difference)
    differing.set(`${schema}\0${name}`, { schema, table: name })
  }
  const selected = (await readSelectedTables(source, spec)).filter(({ kind }) => kind === 'r')
  const unpublished = new Set(
    await readUnpublished(
      source,
      publicationName(id),
      selected.map(({ oid }) => oid),
    ),
  )
  for (const table of selected) {
    const key = `${table.schema}\0${table.name}`
    const name = qualified(table.schema, table.name)
    const to = migrated.get(key)
    migrated.delete(key)
    // What is to be copied again is looked at when it is.
    if (to?.leftOut !== undefined || to?.copyAgain !== undefined) continue
    if (!to) {
      differ(table, `${name} is new`)
      continue
    }
    if (unpublished.has(table.oid)) differ(table, `${name} was made anew, or is no longer in the publication`)
    else if (to.sourceOid !== undefined && to.sourceOid !== table.oid)
      differ(table, `${name} is another table than the one that had this name`)
    const there = found.get(`${to.targetSchema}\0${to.targetTable}`)
    const targets = new Set<string>()
    for (const column of table.columns) {
      const target = to.columns ? to.columns.get(column.name) : column.name
      if (target === undefined) continue
      targets.add(target)
      const type = there?.get(target)
      if (type === undefined) differ(table, `${name}: the target has no column ${target}`)
      else if (sameTypes && mappedType(type, unmapped) !== mappedType(column.type, names))
        differ(table, `${name}.${column.name} is ${column.type}, on the target ${type}`)
    }
    for (const lost of to.columns?.keys() ?? []) {
      if (!table.columns.some((column) => column.name === lost)) differ(table, `${name}: the source has no column ${lost} any more`)
    }
    if (sameTypes) {
      const known = new Set([...targets, ...(to.columns?.values() ?? [])])
      for (const other of there?.keys() ?? []) {
        if (!known.has(other)) differ(table, `${name}: the source has no column ${other} any more`)
      }
    }
  }
  for (const { sourceSchema, sourceTable, leftOut } of migrated.values())
    if (leftOut === undefined) differ({ schema: sourceSchema, name: sourceTable }, `${qualified(sourceSchema, sourceTable)} is gone`)
  if (differences.length === 0) return
  const list = differences.slice(0, 8).join('; ')
  throw new MigrationError(
    'UnsupportedDdl',
    `Definitions on the source have changed during the migration: ${list}${differences.length > 8 ? ` and ${differences.length - 8} more` : ''}. pgmove waits and keeps its place.`,
    { side: 'source', ...(differing.size === 1 ? { sourceTable: [...differing.values()][0] } : {}) },
  )
}
