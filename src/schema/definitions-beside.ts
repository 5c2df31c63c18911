import { MigrationError } from '../errors/migration-error.ts'
import { entryName } from './entry-name.ts'
import type { MappedEntries } from './map-entries.ts'

/**
 * Definitions, by dump id, for entries that would rename tables which the target had already: pgmove gives those no other name, not
 * even for a moment.
 *
 * @param kept dump ids of what the target has already
 * @throws MigrationError `SchemaMismatch` where there is no other way
 */
export function definitionsBeside({ entries, byRenaming, relationOf }: MappedEntries, kept: ReadonlySet<number>): Map<number, string> {
  const result = new Map<number, string>()
  for (const entry of entries) {
    const way = byRenaming.get(entry.dumpId)
    if (!way || kept.has(entry.dumpId)) continue
    const present = way.relations.some((relation) => kept.has(relationOf(relation) ?? -1))
    if (!present) continue
    if (way.otherwise === undefined) {
      throw new MigrationError(
        'SchemaMismatch',
        `On the target: ${entryName(entry)} can't be made beside tables that are there already, since its text can't be brought under their names. ` +
          'Nothing was created; pgmove waits.',
        { side: 'target', hint: 'Create it by hand or remove those tables from the target, then send the signal resume.' },
      )
    }
    result.set(entry.dumpId, way.otherwise)
  }
  return result
}
