import type { NameMap, RelationName } from '../mapping/name-map.ts'
import type { Database } from '../postgres/connect.ts'
import type { TocEntry } from './archive-toc.ts'
import type { RenamingFacts } from './definition-by-renaming.ts'
import type { EntryTable } from './entry-tables.ts'
import { mapEntryName } from './map-entry-name.ts'

/** What has a name among relations or types. */
const NAMED: ReadonlySet<string> = new Set([
  'TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'INDEX', 'TYPE', 'SHELL TYPE', 'DOMAIN',
]) // prettier-ignore

/**
 * What PostgreSQL's own renaming on the target has to heed: names that are taken there or will be, and tables whose columns belong to
 * their parents.
 *
 * @param entries what is to be restored, under the source's names
 */
export async function readRenamingFacts(
  source: Database,
  target: Database,
  entries: readonly TocEntry[],
  tables: ReadonlyMap<number, EntryTable>,
  names: NameMap,
): Promise<Omit<RenamingFacts, 'names'>> {
  const taken = new Set(
    entries.flatMap((entry) => {
      const { kind, schema, tag } = mapEntryName(entry, tables, names)
      if (schema === null) return []
      if (NAMED.has(kind)) return [key(schema, tag)]
      const table = tables.get(entry.dumpId)
      // A key's index has the constraint's name, which stands behind the table's.
      return kind === 'CONSTRAINT' && table ? [key(schema, entry.tag.slice(table.name.length + 1))] : []
    }),
  )
  const there = await target.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_'
     union select n.nspname, t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname !~ '^pg_'`,
  )
  for (const { schema, name } of there) taken.add(key(schema, name))
  const children = await source.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace`,
  )
  const inheriting = new Set(children.map(({ schema, name }) => key(schema, name)))
  return {
    isTaken: (schema, name) => taken.has(key(schema, name)),
    mayRename: (relation: RelationName) => !inheriting.has(key(relation.schema, relation.name)) || names.columns(relation) === undefined,
  }
}

function key(schema: string, name: string): string {
  return `${schema}\0${name}`
}
