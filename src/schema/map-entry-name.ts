import type { NameMap } from '../mapping/name-map.ts'
import { rewriteTag } from '../mapping/rewrite-tag.ts'
import type { TocEntry } from './archive-toc.ts'
import type { EntryTable } from './entry-tables.ts'

/**
 * The entry as the target's own archive would name it: schema and tag under the target's names. `loadParser` must have been awaited.
 *
 * @param tables the tables of all entries, by dump id, under the source's names
 */
export function mapEntryName(entry: TocEntry, tables: ReadonlyMap<number, EntryTable>, names: NameMap): TocEntry {
  if (!names.changes) return entry
  const schema = entry.schema === null ? null : names.schema(entry.schema)
  return { ...entry, schema, tag: rewriteTag(entry, tables.get(entry.dumpId), names) }
}
