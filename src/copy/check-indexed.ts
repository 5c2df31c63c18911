import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'

interface Row extends Record<string, string | null> {
  kind: string
  name: string
  table_schema: string
  table_name: string
  total: string
}

/**
 * Refuses, with an error of kind Internal, when an index or a constraint with an index of a selected table is not recorded as made, is not
 * in the target's catalogue, or is not valid there. Tables that an operator left out don't count.
 */
export async function checkIndexed(target: Database, id: string): Promise<void> {
  const [first] = await target.query<Row>(
    // A constraint's entry is tagged with its table and its own name, which together are longer than the type name holds.
    `with standing as (
       select 'INDEX' as kind, n.nspname as table_schema, t.relname as table_name, x.relname::text as name
         from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
         join pg_namespace n on n.oid = t.relnamespace
        where i.indisvalid
       union all
       select 'CONSTRAINT', n.nspname, t.relname, t.relname || ' ' || c.conname
         from pg_constraint c join pg_index i on i.indexrelid = c.conindid and i.indisvalid
         join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
        where c.contype in ('p', 'u', 'x'))
     select e.kind, e.name, e.table_schema, e.table_name, count(*) over () as total
       from pgmove.entry e
       join pgmove.migrated_table m on m.id = e.id and m.target_schema = e.table_schema and m.target_table = e.table_name
       left join standing s on (s.kind, s.table_schema, s.table_name, s.name) = (e.kind, e.table_schema, e.table_name, e.name)
      where e.id = $1 and e.stage = 'index' and e.kind in ('INDEX', 'CONSTRAINT') and m.left_out is null
        and (e.restored_at is null or s.name is null)
      order by e.ordinal limit 1`,
    [id],
  )
  if (!first) return
  const table = qualified(first.table_schema, first.table_name)
  const name = first.kind === 'INDEX' ? first.name : first.name.slice(first.table_name.length + 1)
  const others = Number(first.total) > 1 ? `, and ${Number(first.total) - 1} more,` : ''
  throw new MigrationError(
    'Internal',
    `On the target: ${first.kind.toLowerCase()} "${name}" of ${table}${others} was to be there after the copy, but is missing or invalid.`,
    { side: 'target', table, hint: 'Create it as on the source, then send the signal resume.' },
  )
}
