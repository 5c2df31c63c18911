import { oidArray } from '../postgres/oid-array.ts'
import { columnsOfTypes, USES_OF_TYPES } from './columns-of-types.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import { oidList } from './table-lists.ts'

/** abstime, reltime, tinterval and their arrays were removed in 12. */
const REMOVED = ['702', '703', '704', '1023', '1024', '1025']

export const removedTypes: Check = {
  name: 'removed_types',
  expected: 'no column of a type that the target no longer has',
  applies: ({ source, target }) => source.version < 120000 && target.version >= 120000,
  run: async ({ source, tables }) => {
    const columns = await columnsOfTypes(source, tables, REMOVED)
    if (columns.length === 0) return passed('none')
    return failed(
      `${columns.length} columns of ${[...new Set(columns.map(({ type }) => type))].join(', ')}`,
      'PostgreSQL 12 removed these types: change the columns to timestamptz, interval or tstzrange on the source, or exclude the tables.',
      columns.map(({ column }) => column),
    )
  },
}

/** A row of pg_type that is regclass or the like. */
const REFERENCE_TYPE = `typnamespace = 'pg_catalog'::regnamespace and typtype = 'b' and typelem = 0 and typname ~ '^reg[a-z]+$'`

/** Values print as the name of an object, and are read by looking it up. */
export const referenceTypes: Check = {
  name: 'reference_types',
  expected: "no selected column whose values are names of the source's own objects: regclass, regproc, regrole and the like",
  applies: ({ full, incremental }) => full || incremental,
  run: async ({ source, tables }) => {
    const types = await source.query<{ oid: string }>(`select oid from pg_type where ${REFERENCE_TYPE}`)
    const columns = await columnsOfTypes(source, tables, types.map(({ oid }) => oid)) // prettier-ignore
    if (columns.length === 0) return passed('none')
    return warning(
      `${columns.length}`,
      'A value that names something the target does not have under that name when the row arrives (an index, a role, a mapped or unselected table) stops the migration as RejectedByTarget: ' +
        'change the columns to text, exclude the tables, or ignore this warning if the values name only what is there.',
      columns.map(({ column, type }) => `${column} (${type})`),
    )
  },
}

/** Rows are copied and applied by partition, and an enum's hash is that of a label's OID, which no dump keeps. */
export const hashPartitions: Check = {
  name: 'hash_partitions',
  expected: 'no selected table is partitioned by a hash that the target works out otherwise: of an enum, or of a type that holds OIDs',
  applies: ({ source, full, incremental }) => source.version >= 110000 && (full || incremental),
  run: async ({ source, tables, schema }) => {
    const types = await source.query<{ oid: string }>(`select oid from pg_type where typtype = 'e' or ${REFERENCE_TYPE}`)
    const rows = await source.query<{ object: string }>(
      `with recursive ${USES_OF_TYPES}
       select distinct c.oid::regclass::text as object
         from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
         join pg_attribute a on a.attrelid = c.oid and a.attnum = any (p.partattrs::int2[])
        where p.partstrat = 'h' and c.oid = any ($2::oid[]) and a.atttypid in (select type from uses) order by 1`,
      [oidArray(types.map(({ oid }) => oid)), oidList(tables)],
    )
    if (rows.length === 0) return passed('none')
    // Without the type "schema" they may be something else there.
    return (schema ? failed : warning)(
      `${rows.length}, whose rows would belong to other partitions on the target`,
      'Partition them by another column (such as the label as text) on the source, or exclude them.',
      rows.map(({ object }) => object),
    )
  },
}
