import { mappedType } from '../mapping/mapped-type.ts'
import { NameMap } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { TableName } from '../source/selected-tables.ts'
import { nameList } from './table-lists.ts'

export interface ColumnShape {
  /** As format_type() prints it. */
  readonly type: string
  /** A domain's base type, else the type itself. */
  readonly base: string
  readonly generated: boolean
  readonly notNull: boolean
  /** An INSERT may leave it out. */
  readonly optional: boolean
}

export interface UniqueShape {
  readonly name: string
  /** Undefined if it has expressions, a predicate or is an exclusion constraint. */
  readonly columns: readonly string[] | undefined
  readonly nullsNotDistinct: boolean
  readonly primary: boolean
  /** What follows USING in its definition; undefined if it has other words on the target. */
  readonly definition: string | undefined
}

export interface TableShape {
  /** pg_class.relkind. */
  readonly kind: string
  readonly columns: Map<string, ColumnShape>
  readonly uniques: UniqueShape[]
  /** Definitions of CHECK constraints by their names; undefined where they have other words on the target. */
  readonly checks: Map<string, string | undefined>
}

interface ColumnRow extends Record<string, string | null> {
  schema: string
  name: string
  kind: string
  column: string | null
  type: string
  base: string
  generated: string
  not_null: string
  optional: string
}
interface UniqueRow extends Record<string, string | null> {
  schema: string
  name: string
  index: string
  primary: string
  plain: string
  columns: string
  nulls_not_distinct: string
  definition: string
}

const SELECTED = `json_to_recordset($1::json) as x (schema text, name text)
         join pg_namespace n on n.nspname = x.schema join pg_class c on c.relnamespace = n.oid and c.relname = x.name`

/** Columns, unique indexes and checks of those of the tables that are there, by their quoted names. */
export async function readTableShapes(database: Database, tables: readonly TableName[]): Promise<Map<string, TableShape>> {
  const names = nameList(tables)
  const generated = database.version >= 120000 ? `a.attgenerated <> ''` : 'false'
  const shapes = new Map<string, TableShape>()
  const columns = await database.query<ColumnRow>(
    `select x.schema, x.name, c.relkind as kind, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
            case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) else format_type(a.atttypid, a.atttypmod) end as base,
            ${generated} as generated, a.attnotnull as not_null, not a.attnotnull or a.atthasdef or a.attidentity <> '' as optional
       from ${SELECTED}
       left join (pg_attribute a join pg_type t on t.oid = a.atttypid) on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      order by x.schema, x.name, a.attnum`,
    [names],
  )
  for (const row of columns) {
    const label = qualified(row.schema, row.name)
    const shape = shapes.get(label) ?? {
      kind: row.kind,
      columns: new Map<string, ColumnShape>(),
      uniques: [],
      checks: new Map<string, string>(),
    }
    shapes.set(label, shape)
    if (row.column === null) continue
    const { type, base } = row
    shape.columns.set(row.column, {
      type,
      base,
      generated: row.generated === 't',
      notNull: row.not_null === 't',
      optional: row.optional === 't',
    })
  }
  const uniques = await database.query<UniqueRow>(
    `select x.schema, x.name, i.relname as index, u.indisprimary as primary,
            u.indisunique and u.indpred is null and u.indexprs is null as plain,
            array_to_json(array(select a.attname from unnest(u.indkey::int2[]) with ordinality as k (attnum, position)
                                  join pg_attribute a on a.attrelid = u.indrelid and a.attnum = k.attnum
                                 where k.position <= ${database.version >= 110000 ? 'u.indnkeyatts' : 'u.indnatts'})) as columns,
            ${database.version >= 150000 ? 'u.indnullsnotdistinct' : 'false'} as nulls_not_distinct,
            regexp_replace(pg_get_indexdef(u.indexrelid), '^.*? USING ', '') as definition
       from ${SELECTED}
       join pg_index u on u.indrelid = c.oid and (u.indisunique or u.indisexclusion) join pg_class i on i.oid = u.indexrelid`,
    [names],
  )
  for (const row of uniques) {
    shapes.get(qualified(row.schema, row.name))?.uniques.push({
      name: row.index,
      columns: row.plain === 't' ? (JSON.parse(row.columns) as string[]) : undefined,
      nullsNotDistinct: row.nulls_not_distinct === 't',
      primary: row.primary === 't',
      definition: row.definition,
    })
  }
  const checks = await database.query<{ schema: string; name: string; constraint: string; definition: string }>(
    `select x.schema, x.name, k.conname as "constraint", pg_get_constraintdef(k.oid) as definition from ${SELECTED} join pg_constraint k on k.conrelid = c.oid and k.contype = 'c'`,
    [names],
  )
  for (const { schema, name, constraint, definition } of checks) shapes.get(qualified(schema, name))?.checks.set(constraint, definition)
  return shapes
}

/** Labels of enum types by the type's name as mappedType() writes it. */
export async function readEnumLabels(database: Database, names: NameMap = new NameMap()): Promise<Map<string, Set<string>>> {
  const rows = await database.query<{ type: string; label: string }>(
    'select format_type(t.oid, null) as type, e.enumlabel as label from pg_enum e join pg_type t on t.oid = e.enumtypid',
  )
  const labels = new Map<string, Set<string>>()
  for (const row of rows) {
    const type = mappedType(row.type, names)
    labels.set(type, (labels.get(type) ?? new Set<string>()).add(row.label))
  }
  return labels
}
