import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import type { MigratedTable } from '../state/migrated-table.ts'
import type { TargetColumnState } from './plan-column-changes.ts'
import type { TargetParts } from './plan-index-changes.ts'

export async function readColumns(target: Database, { targetSchema, targetTable }: MigratedTable): Promise<TargetColumnState[]> {
  const generated = target.version >= 120000 ? 'a.attgenerated' : `''`
  const rows = await target.query<{ name: string; type: string; not_null: string; default: string | null; computed: string }>(
    `select a.attname as name, a.attidentity <> '' or ${generated} <> '' as computed, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null, pg_get_expr(d.adbin, d.adrelid) as default
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [qualified(targetSchema, targetTable)],
  )
  return rows.map((row) => ({
    name: row.name,
    type: row.type,
    notNull: row.not_null === 't',
    default: row.default,
    computed: row.computed === 't',
  }))
}

/** What is still to be made from its stored definition counts as there. */
export async function readParts(target: Database, id: string, { targetSchema, targetTable }: MigratedTable): Promise<TargetParts> {
  const rows = await target.query<{ kind: string; name: string; definition: string }>(
    `select 'index' as kind, x.relname as name, pg_get_indexdef(x.oid) as definition
       from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = to_regclass($1)
     union all
     select 'constraint', conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = to_regclass($1)
     union all
     select case when kind = 'INDEX' then 'index' else 'constraint' end, case when left(name, length($4) + 1) = $4 || ' ' then substr(name, length($4) + 2) else name end, ''
       from pgmove.entry where id = $2 and table_schema = $3 and table_name = $4 and restored_at is null and skipped is null
        and (kind = 'INDEX' or kind like '%CONSTRAINT')`,
    [qualified(targetSchema, targetTable), id, targetSchema, targetTable],
  )
  const of = (kind: string): Map<string, string> =>
    new Map(rows.flatMap((row) => (row.kind === kind ? [[row.name, row.definition] as const] : [])))
  return { indexes: of('index'), constraints: of('constraint') }
}
