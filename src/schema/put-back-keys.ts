import type { Database } from '../postgres/connect.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { TocEntry } from './archive-toc.ts'
import { parseForeignKey } from './foreign-key-definition.ts'
import { foreignKeyObject } from './stand-in-foreign-key.ts'

const NOT_VALID = / NOT VALID(?=;?\s*$)/

/**
 * Foreign keys that a cancel or a failure of an earlier migration put back NOT VALID, over data that was half copied: as `foreignKeyObject` names them, or
 * with a dot if they gave way to a copy.
 */
export async function readPutBackKeys(target: Database): Promise<ReadonlySet<string>> {
  const rows = await target.query<{ object: string }>(
    `select distinct object from pgmove.object_change where kind = 'foreign_key' and restored_at is not null`,
  )
  return new Set(rows.map(({ object }) => object))
}

/**
 * The definition of the target's key as it was before it was put back NOT VALID; undefined if that was not pgmove's doing. At the cutover such a key is
 * validated, for the source's is valid (`validateForeignKeys` in src/cutover/restore-target.ts).
 */
export function beforePutBack(
  { kind }: Pick<TocEntry, 'kind'>,
  table: { readonly schema: string; readonly name: string } | undefined,
  definition: string,
  putBack: ReadonlySet<string>,
): string | undefined {
  if (kind !== 'FK CONSTRAINT' || !table || !NOT_VALID.test(definition)) return undefined
  const { name } = parseForeignKey(definition)
  const object = foreignKeyObject(table.schema, table.name, name)
  const gaveWay = `${qualified(table.schema, table.name)}.${ident(name)}`
  return putBack.has(object) || putBack.has(gaveWay) ? definition.replace(NOT_VALID, '') : undefined
}
