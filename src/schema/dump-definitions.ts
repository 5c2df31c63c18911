import { readLeftOutColumns } from '../mapping/left-out-columns.ts'
import { NameMap } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { sameDefinition } from '../mapping/same-definition.ts'
import type { Database } from '../postgres/connect.ts'
import { qualified } from '../postgres/quote.ts'
import { noteLeftAccess, writeAccessChanges } from '../roles/access-change.ts'
import { mapRoles } from '../roles/map-definition.ts'
import { droppedGrants, isAccess, planAccess } from '../roles/plan-access.ts'
import { UNMAPPED } from '../roles/role-mapping.ts'
import type { RoleMapping } from '../roles/role-mapping.ts'
import type { ResolvedConnection } from '../postgres/resolved-connection.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { note } from '../state/migration-record.ts'
import type { TocEntry } from './archive-toc.ts'
import { dumpBoth } from './dump-both.ts'
import { entryName } from './entry-name.ts'
import { entryKey, stagesOf } from './entry-stage.ts'
import { readEntryTables } from './entry-tables.ts'
import type { EntryTable } from './entry-tables.ts'
import { sameText } from './equal-definition.ts'
import { hasWords, sameWords } from './equal-words.ts'
import { compareWithExisting, existingObjectsDiffer, readPresent } from './existing-objects.ts'
import type { Comparison, Difference } from './existing-objects.ts'
import { definitionsBeside } from './definitions-beside.ts'
import { isPartOfLeftOutColumn } from './left-out-column-part.ts'
import { mapEntries, mapEntryTables } from './map-entries.ts'
import { mapEntryName } from './map-entry-name.ts'
import { checkMapping } from './mapping-failure.ts'
import { notCarriedOver } from './not-carried-over.ts'
import { readOwnObjects } from './own-objects.ts'
import { beforePutBack, readPutBackKeys } from './put-back-keys.ts'
import { readRenamingFacts } from './renaming-facts.ts'
import { restorableDefinition } from './restorable-definition.ts'
import { selectEntries } from './select-entries.ts'
import { EXISTS, writeEntries } from './stored-entry.ts'
import { undoLeftovers } from './undo-leftovers.ts'
import { readDependents, readSourceRelations } from './unselected-relations.ts'

export interface DumpDefinitionsOptions {
  readonly source: Database
  readonly sourceConnection: ResolvedConnection
  readonly target: Database
  readonly targetConnection: ResolvedConnection
  /** The migration's id. */
  readonly id: string
  readonly spec: Pick<MigrationSpec, 'objects' | 'exclude'>
  /** How names are called on the target, and which columns are left out. Default: every name stays. */
  readonly names?: NameMap
  /** How roles are called on the target, and whether grants come along. Default: as on the source, and they do. */
  readonly roles?: RoleMapping
  readonly signal: AbortSignal
}

/** What was stored: entries to restore or kept, and how many objects were left out with a note. */
export interface DumpedDefinitions {
  readonly entries: number
  readonly skipped: number
}

const PARTITIONED = 'p'

/**
 * Takes the source's definitions by pg_dump, chooses what the spec selects, compares it with what is on the target, and stores it
 * in the target's state, in one transaction. Done once: later calls find it there, so that all definitions are of one moment.
 *
 * @throws MigrationError `SchemaMismatch` when an object on the target differs, or a definition can't be brought under the target's
 * names; nothing was changed then
 */
export async function dumpDefinitions(options: DumpDefinitionsOptions): Promise<DumpedDefinitions> {
  const { source, target, id, spec, names = new NameMap(), roles = UNMAPPED, signal } = options
  if (await isDumped(target, id)) return countStored(target, id)
  const relations = await readSourceRelations(source, spec)
  const unselected = relations.filter(({ selected }) => !selected)
  const minMajor = Math.floor(Math.max(source.version, target.version) / 10_000)
  const common = { minMajor, signal }
  const both = await dumpBoth(
    {
      ...common,
      database: source,
      connection: options.sourceConnection,
      excluded: unselected,
      applicationName: `pgmove ${id} dump`,
    },
    {
      ...common,
      database: target,
      connection: options.targetConnection,
      excluded: [],
      applicationName: `pgmove ${id} compare`,
    },
    () => undoLeftovers(target, id),
  )
  const [archive, existing] = [both.source.entries, both.target.entries]
  const sourceTables = await readEntryTables(source, archive)
  const leftOutColumns = await readLeftOutColumns(source, names)
  const own = await readOwnObjects(source)
  const bySchema = new Map(relations.map(({ schema, name, selected }) => [qualified(schema, name), selected]))
  const selection = selectEntries({
    entries: archive,
    spec,
    tables: sourceTables,
    isSelected: (schema, name) => bySchema.get(qualified(schema, name)) ?? false,
    dependents: await readDependents(source, unselected, leftOutColumns),
    own: own.objects,
  })
  const isMeant = (entry: TocEntry) => !isPartOfLeftOutColumn(entry, sourceTables, names)
  const selected = selection.selected.filter(isMeant)
  const leftOut = selection.leftOut.filter(
    ({ entry }) => isMeant(entry) && !(leftOutColumns.length > 0 && entry.kind === 'SEQUENCE OWNED BY'),
  )
  const facts = await readTargetFacts(target)
  await loadParser()
  const restorable = selected.map((entry) => {
    const definition = restorableDefinition(entry, facts, own)
    return { ...entry, definition: mapRoles({ ...entry, definition }, roles) }
  })
  const renamingFacts = names.changes ? await readRenamingFacts(source, target, selected, sourceTables, names) : undefined
  const mapped = await mapEntries(restorable, sourceTables, names, leftOutColumns, renamingFacts)
  checkMapping(selected, mapped)
  const wanted = mapped.entries
  const tables = mapEntryTables(sourceTables, names)
  const present = { entries: existing, tables: await readEntryTables(target, existing), present: await readPresent(target) }
  const putBack = await readPutBackKeys(target)
  const versions = [source.version, target.version] as const
  const comparison = compareWithExisting(
    wanted,
    archive.map((entry) => mapEntryName(entry, sourceTables, names)),
    present,
    versions,
    (entry, a, b) => {
      const rewritten = mapped.rewritten.has(entry.dumpId)
      if (rewritten && sameDefinition(a, b)) return true
      const before = beforePutBack(entry, tables.get(entry.dumpId), b, putBack)
      return before !== undefined && (sameText(entry.kind, a, before, versions) || (rewritten && sameDefinition(a, before)))
    },
  )
  const kept = await keptEntries(target, comparison)
  const definitions = definitionsBeside(mapped, kept)
  const stages = stagesOf(selected, partitionedParents(selected, sourceTables))
  const access = await planAccess({
    source,
    target,
    id,
    archive,
    entries: wanted,
    kept,
    existing,
    tables,
    mapping: roles,
    everything: spec.objects === null,
    rewrite: (statement) => rewriteDefinition(statement, names, { leftOut: leftOutColumns }).definition,
  })
  const stored = wanted
    .filter((entry) => !isAccess(entry))
    .map((entry, ordinal) => ({
      ordinal,
      dumpId: entry.dumpId,
      stage: stages.get(entry.dumpId) ?? ('definition' as const),
      kind: entry.kind,
      schema: entry.schema,
      name: entry.tag,
      table: tables.get(entry.dumpId) ?? null,
      definition: definitions.get(entry.dumpId) ?? entry.definition,
      dependencies: entry.dependencies,
      skipped: kept.has(entry.dumpId) ? EXISTS : null,
    }))
  const notes = [
    ...leftOut.map(({ entry, reason }) => ({ object: entryName(entry), text: `It was left out: ${reason}.` })),
    ...mapped.skipped,
    ...(await notCarriedOver(source, spec, selected, facts)),
    ...(roles.grants === 'drop' ? droppedGrants(selected) : []),
  ]
  signal.throwIfAborted()
  await target.transaction(async () => {
    const [row] = await target.query<{ schema_dumped: string }>('select schema_dumped from pgmove.migration where id = $1 for update', [id])
    if (row?.schema_dumped === 't') return
    await writeEntries(target, id, stored)
    for (const { object, text } of notes) await note(target, id, 'skipped', object, text)
    for (const { object, text } of mapped.warnings) await note(target, id, 'warning', object, text)
    await writeAccessChanges(target, id, access)
    await noteLeftAccess(target, id)
    await target.query('update pgmove.migration set schema_dumped = true where id = $1', [id])
  })
  return countStored(target, id)
}

/**
 * Dump ids of the entries that are on the target already.
 *
 * @throws MigrationError `SchemaMismatch` when one of them differs
 */
async function keptEntries(target: Database, { kept, differences }: Comparison): Promise<ReadonlySet<number>> {
  const all = new Set(kept)
  const open: Difference[] = []
  for (const difference of differences) {
    const { entry } = difference
    if (entry && hasWords(entry) && (await sameWords(target, entry))) all.add(entry.dumpId)
    else open.push(difference)
  }
  if (open.length > 0) throw existingObjectsDiffer(open)
  return all
}

async function isDumped(target: Database, id: string): Promise<boolean> {
  const [row] = await target.query<{ schema_dumped: string }>('select schema_dumped from pgmove.migration where id = $1', [id])
  return row?.schema_dumped === 't'
}

async function countStored(target: Database, id: string): Promise<DumpedDefinitions> {
  const [row] = await target.query<{ entries: string; skipped: string }>(
    `select (select count(*) from pgmove.entry where id = $1) as entries,
            (select count(*) from pgmove.note where id = $1 and kind = 'skipped') as skipped`,
    [id],
  )
  return { entries: Number(row?.entries ?? 0), skipped: Number(row?.skipped ?? 0) }
}

async function readTargetFacts(target: Database): Promise<{ version: number; tablespaces: ReadonlySet<string> }> {
  const rows = await target.query<{ name: string }>('select spcname as name from pg_tablespace')
  return { version: target.version, tablespaces: new Set(rows.map(({ name }) => name)) }
}

function partitionedParents(entries: readonly TocEntry[], tables: ReadonlyMap<number, EntryTable>): Set<string> {
  const parents = entries.filter(({ dumpId, catalog }) => catalog !== '0' && tables.get(dumpId)?.kind === PARTITIONED)
  return new Set(parents.map(entryKey))
}
