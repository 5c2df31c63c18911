import type { NameMap } from '../mapping/name-map.ts'
import type { TocEntry } from './archive-toc.ts'
import type { EntryTable } from './entry-tables.ts'

const IDENT = '(?:"(?:[^"]|"")*"|[^".]+)'
const COLUMN = new RegExp(`^COLUMN ${IDENT}\\.(${IDENT})$`)

/**
 * Whether an entry only says something about a column that is not selected: its default, a comment, a grant. These go with the column,
 * and need no word in the report.
 *
 * @param tables the tables of all entries, by dump id, under the source's names
 */
export function isPartOfLeftOutColumn(entry: TocEntry, tables: ReadonlyMap<number, EntryTable>, names: NameMap): boolean {
  const { kind, tag, dumpId, dependencies } = entry
  if (kind === 'DEFAULT') {
    const table = tables.get(dumpId)
    return table !== undefined && names.column(table, tag.slice(table.name.length + 1)) === undefined
  }
  const [, quoted] = (kind === 'COMMENT' || kind === 'ACL' || kind === 'SECURITY LABEL' ? COLUMN.exec(tag) : null) ?? []
  if (quoted === undefined) return false
  const table = dependencies.flatMap((id) => tables.get(id) ?? [])[0]
  const column = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : quoted
  return table !== undefined && names.column(table, column) === undefined
}
