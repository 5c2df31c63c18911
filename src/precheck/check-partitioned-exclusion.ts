import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { oidList } from './table-lists.ts'

const SINCE_PARTITIONED_EXCLUSION = 170000

/**
 * pg_dump makes a partitioned table's constraint and those of its partitions apart and attaches the one to the other, which
 * PostgreSQL refuses for exclusion constraints (measured on 18.4: "cannot attach index").
 */
export const partitionedExclusion: Check = {
  name: 'partitioned_exclusion',
  expected: 'no selected partitioned table has an exclusion constraint, which PostgreSQL can not restore',
  applies: ({ schema, source }) => schema && source.version >= SINCE_PARTITIONED_EXCLUSION,
  run: async ({ source, tables }) => {
    const rows = await source.query<{ object: string }>(
      `select format('%I on %I.%I', k.conname, n.nspname, c.relname) as object
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        where c.oid = any ($1::oid[]) and c.relkind = 'p' and not c.relispartition and k.contype = 'x' order by 1`,
      [oidList(tables)],
    )
    if (rows.length === 0) return passed('none')
    return failed(
      `${rows.length}`,
      'Drop the constraints on the source before the migration and add them on both sides after it, or exclude the tables.',
      rows.map(({ object }) => object),
    )
  },
}
