import { MigrationError } from '../errors/migration-error.ts'
import type { Database } from '../postgres/connect.ts'
import type { TocEntry } from './archive-toc.ts'
import { entryName } from './entry-name.ts'
import { isSatellite } from './entry-stage.ts'
import type { EntryTable } from './entry-tables.ts'
import { sameText } from './equal-definition.ts'
import { withoutSettings } from './restorable-definition.ts'
import { withoutSecrets } from './without-secrets.ts'

/** The target's archive, with the table of each entry that belongs to one. */
export interface ExistingObjects {
  readonly entries: readonly TocEntry[]
  readonly tables: ReadonlyMap<number, EntryTable>
  /** Schemas, extensions and languages: pg_dump leaves those out that every database has. */
  readonly present: ReadonlySet<string>
}

/** An object that is on both sides and differs, or that only the target's table has. */
export interface Difference {
  /** The source's entry; none if only the target has the object. */
  readonly entry?: TocEntry
  readonly object: string
  /** One line. */
  readonly text: string
}

export interface Comparison {
  /** Dump ids of the source's entries that are on the target already, equal. */
  readonly kept: ReadonlySet<number>
  readonly differences: readonly Difference[]
}

const HEAP = 'heap'
const SHOWN_CHARACTERS = 70
/** So much of what is equal. */
const SHOWN_BEFORE = 30
const SINCE_ACCESS_METHODS = 120000
/** One name for all of these in a schema. */
const RELATION_KINDS: ReadonlySet<string> = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'INDEX'])
/** Being there is enough: the definition says nothing more, or is the extension's own. */
const BY_PRESENCE: ReadonlySet<string> = new Set(['SCHEMA', 'EXTENSION', 'PROCEDURAL LANGUAGE'])
/** What makes a table behave differently when it has one more. */
const PART_KINDS: ReadonlySet<string> = new Set([
  'CONSTRAINT', 'CHECK CONSTRAINT', 'FK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY', 'DEFAULT',
]) // prettier-ignore

/**
 * Compares what is to be restored with what is on the target. Grants, comments and labels never count as a difference.
 *
 * @param archive every entry of the source's archive: what was left out on purpose may be on the target
 * @param isSame asked where the texts of two definitions differ
 */
export function compareWithExisting(
  selected: readonly TocEntry[],
  archive: readonly TocEntry[],
  target: ExistingObjects,
  versions: readonly [source: number, target: number],
  isSame: (entry: TocEntry, source: string, target: string) => boolean = () => false,
): Comparison {
  const there = groupBy(target.entries, objectKey)
  const relations = groupBy(
    target.entries.filter(({ kind }) => RELATION_KINDS.has(kind)),
    nameKey,
  )
  const kept = new Set<number>()
  const differences: Difference[] = []
  const keptTables = new Set<string>()
  for (const entry of selected) {
    const found = there.get(objectKey(entry)) ?? []
    const equal = BY_PRESENCE.has(entry.kind)
      ? target.present.has(presenceKey(entry.kind, entry.tag))
      : found.some((other) => isEqual(entry, other, versions, isSame))
    if (equal) {
      kept.add(entry.dumpId)
      if (entry.kind === 'TABLE') keptTables.add(nameKey(entry))
    } else if (isSatellite(entry)) continue
    else if (found[0])
      differences.push({
        entry,
        object: entryName(entry),
        text: firstDifference(withoutSettings(entry.definition), withoutSecrets(found[0]).definition),
      })
    else if (RELATION_KINDS.has(entry.kind)) {
      const [other] = relations.get(nameKey(entry)) ?? []
      if (other) differences.push({ entry, object: entryName(entry), text: `on the target it is a ${other.kind}` })
    }
  }
  const known = new Set(archive.map(objectKey))
  for (const entry of target.entries) {
    const table = target.tables.get(entry.dumpId)
    if (!table || !PART_KINDS.has(entry.kind) || known.has(objectKey(entry))) continue
    if (keptTables.has(`${table.schema}\0${table.name}`)) differences.push({ object: entryName(entry), text: 'only the target has it' })
  }
  return { kept, differences }
}

function isEqual(
  wanted: TocEntry,
  existing: TocEntry,
  versions: readonly [number, number],
  isSame: (entry: TocEntry, source: string, target: string) => boolean,
): boolean {
  const [mine, theirs] = [wanted, existing].map(({ accessMethod }) => accessMethod ?? HEAP)
  if (mine !== theirs && versions.every((version) => version >= SINCE_ACCESS_METHODS)) return false
  const [source, there] = [withoutSettings(wanted.definition), withoutSecrets(existing).definition]
  return sameText(wanted.kind, source, there, versions) || isSame(wanted, source, there)
}

/** How an object is named in `ExistingObjects.present`. */
function presenceKey(kind: string, name: string): string {
  return `${kind} ${name}`
}

/** The schemas, extensions and languages of a database. */
export async function readPresent(database: Database): Promise<ReadonlySet<string>> {
  const rows = await database.query<{ kind: string; name: string }>(
    `select 'SCHEMA' as kind, nspname as name from pg_namespace
     union all select 'EXTENSION', extname from pg_extension
     union all select 'PROCEDURAL LANGUAGE', lanname from pg_language`,
  )
  return new Set(rows.map(({ kind, name }) => presenceKey(kind, name)))
}

/** The error for objects that differ; names as many as fit. */
export function existingObjectsDiffer(differences: readonly Difference[]): MigrationError {
  const shown = differences.slice(0, 3).map(({ object, text }) => `${object.slice(0, 80)} (${text})`)
  const more = differences.length > shown.length ? ` and ${differences.length - shown.length} more` : ''
  return new MigrationError(
    'SchemaMismatch',
    `On the target: objects exist that differ from the source's: ${shown.join('; ')}${more}. Nothing was changed; pgmove waits.`.slice(
      0,
      950,
    ),
    { side: 'target', hint: 'Make them equal or remove them from the target, then send the signal resume.' },
  )
}

function objectKey({ kind, schema, tag }: TocEntry): string {
  return `${kind}\0${schema ?? ''}\0${tag}`
}

function nameKey({ schema, tag }: TocEntry): string {
  return `${schema ?? ''}\0${tag}`
}

function groupBy(entries: readonly TocEntry[], key: (entry: TocEntry) => string): Map<string, TocEntry[]> {
  const groups = new Map<string, TocEntry[]>()
  for (const entry of entries) {
    const group = groups.get(key(entry))
    if (group) group.push(entry)
    else groups.set(key(entry), [entry])
  }
  return groups
}

/** Of the first lines that differ what stands around the difference. */
export function firstDifference(source: string, target: string): string {
  const [a, b] = [source.trim().split('\n'), target.trim().split('\n')]
  const at = a.findIndex((line, i) => line !== b[i])
  const line = (lines: readonly string[]) => (lines[at === -1 ? a.length : at] ?? 'nothing').trim()
  const [one, other] = [line(a), line(b)]
  let same = 0
  while (same < one.length && one[same] === other[same]) same++
  const from = Math.max(0, same - SHOWN_BEFORE)
  const shown = (text: string): string => `${from > 0 ? '…' : ''}${text.slice(from, from + SHOWN_CHARACTERS)}`
  return `source: ${shown(one)} | target: ${shown(other)}`
}
