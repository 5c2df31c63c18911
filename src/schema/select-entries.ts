import type { MigrationSpec } from '../spec/migration-spec.ts'
import { selectsSchema } from '../spec/selection.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryKey, isSatellite } from './entry-stage.ts'
import type { EntryTable } from './entry-tables.ts'

export interface SelectionInput {
  readonly entries: readonly TocEntry[]
  readonly spec: Pick<MigrationSpec, 'objects' | 'exclude'>
  /** The table of each entry that belongs to one, by dump id. */
  readonly tables: ReadonlyMap<number, EntryTable>
  /** Whether the spec selects a table or view, partitions by their root's name. */
  readonly isSelected: (schema: string, name: string) => boolean
  /** Objects that can't be without an unselected table, by `entryKey`, with the reason. */
  readonly dependents: ReadonlyMap<string, string>
  /** Objects that pgmove itself put on the source, by `entryKey`. */
  readonly own: ReadonlySet<string>
}

export interface SelectedEntries {
  /** In archive order. */
  readonly selected: readonly TocEntry[]
  readonly leftOut: readonly { readonly entry: TocEntry; readonly reason: string }[]
}

const RELATION_KINDS: ReadonlySet<string> = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW'])
/** Not part of a schema's definition: settings of the archive, data; and of the database, which go another way (src/roles). */
const NEVER: ReadonlySet<string> = new Set([
  'ENCODING', 'STDSTRINGS', 'SEARCHPATH', 'DATABASE', 'DATABASE PROPERTIES', 'TABLE DATA', 'SEQUENCE SET', 'MATERIALIZED VIEW DATA', 'STATISTICS DATA', 'BLOB',
  'BLOBS', 'BLOB METADATA',
]) // prettier-ignore
/** Belongs to a database rather than to its schemas, or would act by itself. */
const NOT_COPIED: Readonly<Record<string, string>> = {
  'EVENT TRIGGER': 'event triggers are not copied',
  PUBLICATION: 'publications are not copied',
  'PUBLICATION TABLE': 'publications are not copied',
  'PUBLICATION TABLES IN SCHEMA': 'publications are not copied',
  SUBSCRIPTION: 'subscriptions are not copied',
  'SUBSCRIPTION TABLE': 'subscriptions are not copied',
}

/**
 * What of an archive is restored: what the spec selects, what belongs to selected tables, and by the archive's dependencies what
 * they need: types, functions, sequences, schemas, extensions; never a table that is not selected.
 */
export function selectEntries(input: SelectionInput): SelectedEntries {
  const { entries, spec } = input
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]))
  const schemas = new Map(entries.filter(({ kind }) => kind === 'SCHEMA').map((entry) => [entry.tag, entry]))
  const blocked = blockedEntries(input, byId)
  const taken = new Set<number>()
  const leftOut: { entry: TocEntry; reason: string }[] = []

  const take = (entry: TocEntry): void => {
    const waiting = [entry]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      if (taken.has(next.dumpId)) continue
      taken.add(next.dumpId)
      const schema = next.schema === null ? undefined : schemas.get(next.schema)
      if (schema) waiting.push(schema)
      for (const id of next.dependencies) {
        const needed = byId.get(id)
        if (needed && !blocked.has(id) && !NEVER.has(needed.kind)) waiting.push(needed)
      }
    }
  }

  for (const entry of entries) {
    if (isSatellite(entry) || input.own.has(entryKey(entry))) continue
    const reason = NOT_COPIED[entry.kind] ?? blocked.get(entry.dumpId)
    if (!isWanted(entry, input)) {
      // A person who chose nothing expects everything; one who chose objects didn't ask for these.
      const notCopied = NOT_COPIED[entry.kind]
      if (spec.objects === null && notCopied !== undefined) leftOut.push({ entry, reason: `${notCopied}${essence(entry)}` })
    } else if (reason === undefined) take(entry)
    else leftOut.push({ entry, reason })
  }
  takeFollowers(entries, taken, take, input)
  return { selected: entries.filter(({ dumpId }) => taken.has(dumpId)), leftOut }
}

const MOST_CHARACTERS = 400

/** What an operator needs who makes an event trigger by hand. */
function essence({ kind, definition }: TocEntry): string {
  if (kind !== 'EVENT TRIGGER') return ''
  return ` (${definition.replaceAll(/\s+/g, ' ').replace(/; ?$/, '').slice(0, MOST_CHARACTERS)})`
}

/** Whether the spec asks for the entry itself. */
function isWanted(entry: TocEntry, { spec, tables, isSelected }: SelectionInput): boolean {
  const { kind, schema, tag } = entry
  if (NEVER.has(kind) || NOT_COPIED[kind] !== undefined) return false
  const table = tables.get(entry.dumpId)
  if (RELATION_KINDS.has(kind)) return schema !== null && isSelected(schema, tag)
  if (table) return isSelected(table.schema, table.name)
  if (kind === 'SCHEMA') return selectsSchema(spec, tag) === 'whole'
  return schema === null ? spec.objects === null : selectsSchema(spec, schema) === 'whole'
}

/** Comments and grants of what is taken, and the owner of a sequence that was taken because something needs it. */
function takeFollowers(
  entries: readonly TocEntry[],
  taken: ReadonlySet<number>,
  take: (entry: TocEntry) => void,
  input: SelectionInput,
): void {
  for (const entry of entries) {
    const follows = isSatellite(entry) && entry.dependencies.length > 0 && entry.dependencies.every((id) => taken.has(id))
    if (follows && !input.own.has(entryKey(entry))) take(entry)
  }
}

/** Entries that can't be restored, by dump id, with the reason: they, or something that they depend on, need an unselected table. */
function blockedEntries({ entries, dependents, own }: SelectionInput, byId: ReadonlyMap<number, TocEntry>): Map<number, string> {
  const blocked = new Map<number, string>()
  const seen = new Set<number>()
  const visit = (entry: TocEntry): string | undefined => {
    if (seen.has(entry.dumpId)) return blocked.get(entry.dumpId)
    seen.add(entry.dumpId)
    let reason = dependents.get(entryKey(entry)) ?? (own.has(entryKey(entry)) ? 'it belongs to pgmove' : undefined)
    for (const id of entry.dependencies) {
      if (reason !== undefined) break
      const needed = byId.get(id)
      if (needed) reason = NOT_COPIED[needed.kind] ?? visit(needed)
    }
    if (reason !== undefined) blocked.set(entry.dumpId, reason)
    return reason
  }
  for (const entry of entries) visit(entry)
  return blocked
}
