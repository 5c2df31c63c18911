import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { readSourceRelations } from '../schema/unselected-relations.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'

export interface SequenceName {
  readonly schema: string
  readonly name: string
}

interface SequenceRow extends Record<string, string | null> {
  oid: string
  schema: string
  name: string
}

/**
 * The source's sequences that go along: those that belong to a column of a selected table or stand in one's default, and those
 * that belong to no column in a schema that is selected whole. Found by pg_depend: 'i' for identity, 'a' for serial, and the
 * default's own dependency. A partition's sequences go with its root. A column that is left out brings none along.
 *
 * @param names which columns are selected; default: all
 * @param leftOutTables of the source, as `schema\0table`, whose sequences stay behind; default: none
 * @returns the source's names
 */
export async function sequencesInScope(
  source: Database,
  spec: Pick<MigrationSpec, 'objects' | 'exclude'>,
  names: NameMap = new NameMap(),
  leftOutTables: ReadonlySet<string> = new Set(),
): Promise<SequenceName[]> {
  const sequences = await source.query<SequenceRow>(
    `select s.oid, n.nspname as schema, s.relname as name from pg_class s join pg_namespace n on n.oid = s.relnamespace
      where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgmove')
        and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = s.oid and e.deptype = 'e')
      order by 2, 3`,
  )
  // Joined here: without statistics PostgreSQL may join these by nested loops, which takes minutes for thousands of tables.
  const owners = await source.query<{ sequence: string; relation: string; number: string }>(
    `select objid as sequence, refobjid as relation, refobjsubid as number from pg_depend
      where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0`,
  )
  const defaults = await source.query<{ fallback: string; sequence: string }>(
    `select objid as fallback, refobjid as sequence from pg_depend where classid = 'pg_attrdef'::regclass and refclassid = 'pg_class'::regclass`,
  )
  const columns = await source.query<{ fallback: string; relation: string; number: string }>(
    `select oid as fallback, adrelid as relation, adnum as number from pg_attrdef`,
  )
  const relations = await readSourceRelations(source, spec)
  const selected = new Set(
    relations.flatMap(({ oid, schema, name, selected }) => (selected && !leftOutTables.has(`${schema}\0${name}`) ? [oid] : [])),
  )
  const leftOut = new Set((await readLeftOutColumns(source, names)).map(({ relation, number }) => `${relation} ${number}`))
  const isSelected = (column: { relation: string; number: string } | undefined): boolean =>
    column !== undefined && selected.has(column.relation) && !leftOut.has(`${column.relation} ${column.number}`)
  const owner = new Map(owners.map((row) => [row.sequence, row]))
  const columnOf = new Map(columns.map((row) => [row.fallback, row]))
  const used = new Set(defaults.flatMap(({ fallback, sequence }) => (isSelected(columnOf.get(fallback)) ? [sequence] : [])))
  return sequences
    .filter(({ oid, schema }) => {
      const column = owner.get(oid)
      return used.has(oid) || (column === undefined ? selectsSchema(spec, schema) === 'whole' : isSelected(column))
    })
    .map(({ schema, name }) => ({ schema, name }))
}
