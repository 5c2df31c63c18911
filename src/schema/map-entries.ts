import { setImmediate } from 'node:timers/promises'
import type { LeftOutColumn } from '../mapping/left-out-columns.ts'
import type { NameMap, RelationName } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import type { TocEntry } from './archive-toc.ts'
import { definitionByRenaming } from './definition-by-renaming.ts'
import type { DefinitionByRenaming, RenamingFacts } from './definition-by-renaming.ts'
import { entryName } from './entry-name.ts'
import { isSatellite } from './entry-stage.ts'
import type { EntryTable } from './entry-tables.ts'
import { mapEntryName } from './map-entry-name.ts'
import type { Remark } from './not-carried-over.ts'

/** Entries under the target's names. */
export interface MappedEntries {
  /** What is to be restored, in the same order. */
  readonly entries: readonly TocEntry[]
  /** What bodies of functions mention, by function. */
  readonly warnings: readonly Remark[]
  /** Comments and labels that can't be rewritten, and checks that need a left-out column. */
  readonly skipped: readonly Remark[]
  /** What else can't be rewritten: with one of these nothing may be created. */
  readonly unrewritable: readonly Remark[]
  /** Dump ids of entries whose definition has other words than pg_dump's. */
  readonly rewritten: ReadonlySet<number>
  /** By dump id, entries whose definition renames relations for a moment, and their definition without that, if there is one. */
  readonly byRenaming: ReadonlyMap<number, DefinitionByRenaming & { readonly otherwise: string | undefined }>
  /** Dump id of the relation that has a name on the source. */
  readonly relationOf: (relation: RelationName) => number | undefined
}

/** Entries between two turns of the event loop. */
const AT_ONCE = 100
const RELATIONS: ReadonlySet<string> = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW'])
const ROUTINES: ReadonlySet<string> = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE'])

/**
 * Rewrites definitions and names of entries for the target.
 *
 * @param tables the tables of all entries, by dump id, under the source's names
 * @param facts what PostgreSQL's own renaming on the target has to heed; without it definitions are only rewritten
 */
export async function mapEntries(
  entries: readonly TocEntry[],
  tables: ReadonlyMap<number, EntryTable>,
  names: NameMap,
  leftOut: readonly LeftOutColumn[],
  facts?: Omit<RenamingFacts, 'names'>,
): Promise<MappedEntries> {
  const warnings: Remark[] = []
  const skipped: Remark[] = []
  const unrewritable: Remark[] = []
  const rewritten = new Set<number>()
  const byRenaming = new Map<number, DefinitionByRenaming & { readonly otherwise: string | undefined }>()
  const relations = new Map(
    entries.flatMap(({ kind, schema, tag, dumpId }) => (RELATIONS.has(kind) ? [[`${schema ?? ''}\0${tag}`, dumpId] as const] : [])),
  )
  const relationOf = ({ schema, name }: RelationName) => relations.get(`${schema}\0${name}`)
  if (!names.changes) return { entries, warnings, skipped, unrewritable, rewritten, byRenaming, relationOf }
  await loadParser()
  const mapped: TocEntry[] = []
  const schemas = new Set<string>()
  for (const [n, entry] of entries.entries()) {
    // Parsing takes a fraction of a millisecond each, and heartbeats must not wait for tens of thousands.
    if (n % AT_ONCE === 0) await setImmediate()
    const renaming = facts && definitionByRenaming(entry, { ...facts, names })
    try {
      const { definition: otherwise, remarks } = rewriteDefinition(entry.definition, names, { leftOut })
      if (renaming) byRenaming.set(entry.dumpId, { ...renaming, otherwise })
      const definition = renaming?.definition ?? otherwise
      const target = { ...mapEntryName(entry, tables, names), definition }
      if (target.kind === 'SCHEMA') {
        // Two schemas become one.
        if (schemas.has(target.tag)) continue
        schemas.add(target.tag)
      }
      if (definition !== entry.definition) rewritten.add(entry.dumpId)
      if (remarks.length > 0) (ROUTINES.has(entry.kind) ? warnings : skipped).push({ object: entryName(target), text: listed(remarks) })
      mapped.push(target)
    } catch (error) {
      if (!(error instanceof UnrewritableError)) throw error
      if (renaming) {
        byRenaming.set(entry.dumpId, { ...renaming, otherwise: undefined })
        rewritten.add(entry.dumpId)
        mapped.push({ ...mapEntryName(entry, tables, names), definition: renaming.definition })
        continue
      }
      const remark = { object: entryName(entry), text: error.reason }
      if (isSatellite(entry)) skipped.push({ ...remark, text: `It was left out: ${remark.text}` })
      else unrewritable.push(remark)
    }
  }
  return { entries: mapped, warnings, skipped, unrewritable, rewritten, byRenaming, relationOf }
}

/** The tables of entries under the target's names. */
export function mapEntryTables(tables: ReadonlyMap<number, EntryTable>, names: NameMap): Map<number, EntryTable> {
  return new Map([...tables].map(([dumpId, table]) => [dumpId, { ...table, ...names.relation(table) }]))
}

const MOST_CHARACTERS = 800

function listed(remarks: readonly string[]): string {
  let text = ''
  for (const [index, remark] of remarks.entries()) {
    const more = `; and ${remarks.length - index} more`
    if (text.length + remark.length + more.length > MOST_CHARACTERS)
      return text === '' ? `${remark.slice(0, MOST_CHARACTERS)}…` : text + more
    text += `${text === '' ? '' : '; '}${remark}`
  }
  return text
}
