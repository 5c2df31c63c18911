import { ident, qualified } from '../postgres/quote.ts'
import type { LoggedView } from './logged-ddl.ts'
import { planIndexChanges } from './plan-index-changes.ts'
import { options } from './plan-table-settings.ts'

/**
 * What one command has changed of a view beside its query, as statements under the source's names: its columns' names, defaults and statistics
 * targets, storage parameters, CLUSTER ON and indexes of a materialized view.
 *
 * @param there the names of the target's columns, and its indexes with their definitions
 */
export function planViewChanges(
  type: string,
  view: { readonly schema: string; readonly name: string },
  before: LoggedView,
  after: LoggedView,
  there: { readonly columns: ReadonlySet<string>; readonly indexes: ReadonlyMap<string, string> },
): string[] {
  const alter = `alter ${type} ${qualified(view.schema, view.name)}`
  const had = new Map(before.columns.map((column) => [column.number, column]))
  const parts = planIndexChanges({
    table: view,
    before: { indexes: before.indexes, constraints: [] },
    after: { indexes: after.indexes, constraints: [] },
    target: { indexes: there.indexes, constraints: new Map() },
  })
  return [
    ...after.columns.flatMap(({ number, name, default: expression, statistics }) => {
      const old = had.get(number)
      const column = `${alter} alter column ${ident(name)}`
      return [
        ...(old && old.name !== name && there.columns.has(old.name) ? [`${alter} rename column ${ident(old.name)} to ${ident(name)}`] : []),
        ...((old?.default ?? null) === expression
          ? []
          : [`${column} ${expression === null ? 'drop default' : `set default ${expression}`}`]),
        ...((old?.statistics ?? null) === statistics ? [] : [`${column} set statistics ${statistics ?? -1}`]),
      ]
    }),
    ...options(before.options, after.options, '').map((change) => `${alter} ${change}`),
    ...('statements' in parts ? parts.statements : []),
    ...(before.clusteredOn === after.clusteredOn
      ? []
      : [`${alter} ${after.clusteredOn === null ? 'set without cluster' : `cluster on ${ident(after.clusteredOn)}`}`]),
  ]
}
