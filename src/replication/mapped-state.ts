import { targetType } from '../mapping/mapped-type.ts'
import type { NameMap } from '../mapping/name-map.ts'
import { loadParser, rewriteDefinition } from '../mapping/rewrite-definition.ts'
import { UnrewritableError } from '../mapping/unrewritable-error.ts'
import { ident, qualified } from '../postgres/quote.ts'
import type { LoggedState } from './logged-ddl.ts'
import type { LoggedColumn } from './plan-column-changes.ts'
import type { LoggedPart, LoggedParts } from './plan-index-changes.ts'

/** The columns of a captured table, chosen ones only, with names, types and defaults as the target calls them. @throws UnrewritableError */
export async function mappedColumns(
  { columns }: LoggedState,
  names: NameMap,
  chosen: ReadonlyMap<string, string> | undefined,
): Promise<LoggedColumn[]> {
  const picked = columns.flatMap((column) => {
    const name = chosen ? chosen.get(column.name) : column.name
    return name === undefined ? [] : [{ ...column, name }]
  })
  if (!names.changes) return picked
  await loadParser()
  const mapped = (expression: string): string => behind(rewriteDefinition(`select ${expression}`, names).definition, 'select ')
  return picked.map((column) => ({
    ...column,
    type: targetType(column.type, names),
    collationName: column.collationName === null ? null : targetType(column.collationName, names),
    default: column.default === null ? null : mapped(column.default),
    sequence: column.sequence === null ? null : { ...column.sequence, ...names.relation(column.sequence) },
  }))
}

/**
 * Indexes and constraints of a captured table as the target calls them.
 *
 * @param onLeftOut takes what needs a column that was not chosen
 * @throws UnrewritableError of a table all of whose columns are chosen
 */
export async function mappedParts(
  { schema, name, columns, indexes, constraints }: LoggedState,
  names: NameMap,
  chosen: ReadonlyMap<string, string> | undefined,
  onLeftOut: (part: LoggedPart, reason: string) => void,
): Promise<LoggedParts> {
  if (!names.changes) return { indexes, constraints }
  await loadParser()
  const leftOut = chosen && columns.flatMap((column) => (chosen.has(column.name) ? [] : [{ schema, table: name, column: column.name }]))
  const context = { plain: true, ...(leftOut ? { leftOut } : {}) }
  const mapped = (parts: readonly LoggedPart[], rewrite: (part: LoggedPart) => string): LoggedPart[] =>
    parts.flatMap((part) => {
      try {
        return [{ ...part, definition: rewrite(part) }]
      } catch (error) {
        if (!(error instanceof UnrewritableError) || !chosen) throw error
        onLeftOut(part, error.message)
        return []
      }
    })
  return {
    indexes: mapped(indexes, ({ definition }) => rewriteDefinition(definition, names, context).definition),
    constraints: mapped(constraints, (part) => {
      const start = ` add constraint ${ident(part.name)} `
      return behind(rewriteDefinition(`alter table ${qualified(schema, name)}${start}${part.definition}`, names, context).definition, start)
    }),
  }
}

function behind(text: string, start: string): string {
  return text.slice(text.indexOf(start) + start.length)
}
