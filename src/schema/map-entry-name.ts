import { targetType } from '../mapping/mapped-type.ts'
import type { NameMap } from '../mapping/name-map.ts'
import type { TocEntry } from './archive-toc.ts'
import { isSatellite } from './entry-stage.ts'
import type { EntryTable } from './entry-tables.ts'

const RELATION_KINDS: ReadonlySet<string> = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'TABLE ATTACH', 'ROW SECURITY'])
/** Their tag is the table's name, a blank and their own. */
const PART_KINDS: ReadonlySet<string> = new Set(['CONSTRAINT', 'CHECK CONSTRAINT', 'FK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY'])
const ROUTINE = /^((?:FUNCTION |PROCEDURE |AGGREGATE )?.*?)\((.*)\)$/s
const IDENT = '(?:"(?:[^"]|"")*"|[^". ]+)'
/** Of comments, grants and labels: the kind, then names as SQL has them. */
const ON_RELATION = new RegExp(
  `^((?:TABLE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE) |(?:CONSTRAINT|TRIGGER|RULE|POLICY) ${IDENT} ON )(${IDENT})$`,
)
const ON_COLUMN = new RegExp(`^COLUMN (${IDENT})\\.(${IDENT})$`)
const ON_SCHEMA = new RegExp(`^SCHEMA (${IDENT})$`)

/**
 * The entry as the target's own archive would name it: schema and tag under the target's names.
 *
 * @param tables the tables of all entries, by dump id, under the source's names
 */
export function mapEntryName(entry: TocEntry, tables: ReadonlyMap<number, EntryTable>, names: NameMap): TocEntry {
  const schema = entry.schema === null ? null : names.schema(entry.schema)
  return { ...entry, schema, tag: isSatellite(entry) ? satelliteTag(entry, tables, names) : tagOf(entry, tables, names) }
}

function tagOf({ kind, schema, tag, dumpId }: TocEntry, tables: ReadonlyMap<number, EntryTable>, names: NameMap): string {
  const table = tables.get(dumpId)
  if (kind === 'SCHEMA') return names.schema(tag)
  if (RELATION_KINDS.has(kind) && schema !== null) return names.relation({ schema, name: tag }).name
  if (PART_KINDS.has(kind) && table) return `${names.relation(table).name}${tag.slice(table.name.length)}`
  if (kind === 'DEFAULT' && table) {
    const column = tag.slice(table.name.length + 1)
    return `${names.relation(table).name} ${names.column(table, column) ?? column}`
  }
  if (kind === 'FUNCTION' || kind === 'PROCEDURE' || kind === 'AGGREGATE') return routineTag(tag, names)
  return tag
}

function satelliteTag({ tag, dependencies }: TocEntry, tables: ReadonlyMap<number, EntryTable>, names: NameMap): string {
  const table = dependencies.flatMap((id) => tables.get(id) ?? [])[0]
  const ofSchema = ON_SCHEMA.exec(tag)
  if (ofSchema) return `SCHEMA ${quotedIfNeeded(names.schema(unquoted(ofSchema[1] ?? '')))}`
  if (!table) return /^(FUNCTION|PROCEDURE|AGGREGATE) /.test(tag) ? routineTag(tag, names) : tag
  const target = quotedIfNeeded(names.relation(table).name)
  const ofColumn = ON_COLUMN.exec(tag)
  if (ofColumn) {
    const column = unquoted(ofColumn[2] ?? '')
    return `COLUMN ${target}.${quotedIfNeeded(names.column(table, column) ?? column)}`
  }
  const ofRelation = ON_RELATION.exec(tag)
  return ofRelation && unquoted(ofRelation[2] ?? '') === table.name ? `${ofRelation[1]}${target}` : tag
}

/** `f(integer, app.t)`; a blank behind a comma within a quoted name is no separator, but then no type is renamed either. */
function routineTag(tag: string, names: NameMap): string {
  const [, name, types] = ROUTINE.exec(tag) ?? []
  if (name === undefined || types === undefined) return tag
  return `${name}(${types
    .split(', ')
    .map((type) => targetType(type, names))
    .join(', ')})`
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

function quotedIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
