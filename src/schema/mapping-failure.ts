import { MigrationError } from '../errors/migration-error.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryName } from './entry-name.ts'
import type { MappedEntries } from './map-entries.ts'

/** Kinds whose tag does not tell one object from another in a schema. */
const AMBIGUOUS: ReadonlySet<string> = new Set([
  'OPERATOR', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'CAST', 'TRANSFORM', 'COMMENT', 'ACL', 'DEFAULT ACL', 'SECURITY LABEL', 'SCHEMA',
]) // prettier-ignore
const SHOWN = 3

/**
 * Refuses entries that can't be brought under the target's names.
 *
 * @param entries under the source's names
 * @throws MigrationError `SchemaMismatch` naming the objects
 */
export function checkMapping(entries: readonly TocEntry[], { entries: mapped, unrewritable }: MappedEntries): void {
  const source = new Map(entries.map((entry) => [entry.dumpId, entry]))
  const seen = new Map<string, TocEntry>()
  const problems = unrewritable.map(({ object, text }) => `${object.slice(0, 100)} (${text.slice(0, 180)})`)
  for (const entry of mapped) {
    if (AMBIGUOUS.has(entry.kind)) continue
    const key = `${entry.kind}\0${entry.schema ?? ''}\0${entry.tag}`
    const other = seen.get(key)
    const [mine, theirs] = [source.get(entry.dumpId), source.get(other?.dumpId ?? -1)]
    if (!other) seen.set(key, entry)
    else if (mine && theirs && entryName(mine) !== entryName(theirs))
      problems.push(
        `${entryName(theirs).slice(0, 100)} and ${entryName(mine).slice(0, 100)} (both would be ${entryName(entry).slice(0, 100)})`,
      )
  }
  if (problems.length === 0) return
  const more = problems.length > SHOWN ? ` and ${problems.length - SHOWN} more` : ''
  throw new MigrationError(
    'SchemaMismatch',
    `On the source: definitions can't be brought under the names of the target: ${problems.slice(0, SHOWN).join('; ')}${more}. Nothing was created on the target; pgmove waits.`.slice(
      0,
      800,
    ),
    {
      side: 'source',
      hint: 'Change the objects on the source, then send the signal resume; or cancel and start again with other names, or without the objects.',
    },
  )
}
