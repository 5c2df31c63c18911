import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { readMappableRelations } from '../mapping/read-name-map.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { PrecheckContext } from './precheck-context.ts'
import { oidList } from './table-lists.ts'

interface Need extends Record<string, string | null> {
  relation: string
  number: string
  /** The generated column; null for the partition key. */
  generated: string | null
}

/** Columns that can't be left out or renamed as the spec says, since the table could not be made: each with the reason. */
export async function leftOutProblems(context: PrecheckContext): Promise<string[]> {
  return [...(await neededColumns(context)), ...(await inheritedColumns(context)), ...nothingLeft(context)]
}

/** Left-out columns of partition keys, and those from which a selected column is generated. */
async function neededColumns({ source, names }: PrecheckContext): Promise<string[]> {
  const columns = await readLeftOutColumns(source, names)
  if (columns.length === 0) return []
  const byKey = new Map(columns.map((column) => [`${column.relation} ${column.number}`, column]))
  const oids = oidList(columns.map(({ relation }) => ({ oid: relation })))
  const stored = source.version >= 120000 ? `attgenerated <> ''` : 'false'
  const rows = await source.query<Need>(
    `select d.refobjid as relation, d.refobjsubid as number, null as generated
       from pg_depend d join pg_partitioned_table p on p.partrelid = d.objid
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.objid = d.refobjid and d.objsubid = 0
        and d.refobjsubid > 0 and d.objid = any ($1::oid[])
     union
     select p.partrelid, k.number, null from pg_partitioned_table p, unnest(p.partattrs::int2[]) as k (number)
      where p.partrelid = any ($1::oid[]) and k.number > 0
     union
     -- Up to 14 the column itself depends on the others, later its expression.
     select d.refobjid, d.refobjsubid, a.attname
       from pg_depend d join pg_attribute a on a.attrelid = d.objid and a.attnum = d.objsubid and ${stored}
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.objid = d.refobjid and d.refobjsubid > 0
        and d.objid = any ($1::oid[])
     union
     select d.refobjid, d.refobjsubid, a.attname
       from pg_depend d join pg_attrdef f on f.oid = d.objid join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum and ${stored}
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = f.adrelid and d.refobjsubid > 0
        and d.refobjsubid <> f.adnum and f.adrelid = any ($1::oid[])`,
    [oids],
  )
  return rows.flatMap(({ relation, number, generated }) => {
    const column = byKey.get(`${relation} ${number}`)
    if (!column) return []
    const { schema, table } = column
    const label = `${qualified(schema, table)}.${ident(column.column)}`
    if (generated === null) return [`${label} is left out, and belongs to the partition key`]
    if (names.column({ schema, name: table }, generated) === undefined) return []
    return [`${label} is left out, and ${ident(generated)} is generated from it`]
  })
}

/** What a table inherits it has under its parent's name, or not at all. */
async function inheritedColumns({ source, names, tables }: PrecheckContext): Promise<string[]> {
  const selected = new Set(tables.map(({ schema, name }) => qualified(schema, name)))
  const relations = await readMappableRelations(source)
  const byName = new Map(relations.map((relation) => [qualified(relation.schema, relation.name), relation]))
  return relations.flatMap((child) => {
    if (child.partition || !selected.has(qualified(child.schema, child.name))) return []
    return child.parents.flatMap((parent) =>
      (byName.get(qualified(parent.schema, parent.name))?.columns ?? []).flatMap((column) => {
        const [above, below] = [names.column(parent, column), names.column(child, column)]
        if (above === below || !selected.has(qualified(parent.schema, parent.name))) return []
        const label = `${qualified(child.schema, child.name)}.${ident(column)}`
        const called = (name: string | undefined): string => (name === undefined ? 'left out' : `called ${ident(name)}`)
        return [
          `${label} is ${called(below)}, and ${called(above)} in ${qualified(parent.schema, parent.name)}, from which it is inherited`,
        ]
      }),
    )
  })
}

/** COPY and the stream need a column that holds values. */
function nothingLeft({ tables, names }: PrecheckContext): string[] {
  return tables
    .filter(
      (table) =>
        names.columns(table) && table.columns.every(({ name, generated }) => generated !== '' || names.column(table, name) === undefined),
    )
    .map(({ schema, name }) => `of ${qualified(schema, name)} no column is selected that holds values of its own`)
}
