import { MigrationError } from '../errors/migration-error.ts'
import { formatLsn } from '../postgres/lsn.ts'
import { qualified } from '../postgres/quote.ts'

/**
 * The error of a commit that stands behind the cutover's marker.
 *
 * @param relation on the source; undefined if it is not known, or for DDL
 */
export function fenceLeaked(
  commitLsn: bigint,
  marker: bigint,
  relation: { readonly schema: string; readonly table: string } | undefined,
): MigrationError {
  const table = relation && qualified(relation.schema, relation.table)
  const what = table === undefined ? 'a change was' : `a change of ${table} was`
  const text = `On the source, ${what} committed at ${formatLsn(commitLsn)}, after the cutover's marker ${formatLsn(marker)}: somebody still writes. pgmove lifts the fence, if it raised one, and goes back to incremental replication.`
  return new MigrationError('FenceLeaked', text, { side: 'source', lsn: formatLsn(commitLsn), ...(table === undefined ? {} : { table }) })
}
