import { ident, qualified } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { failed, passed } from './finding.ts'
import { nameList } from './table-lists.ts'
import type { TableShape } from './table-shapes.ts'

/** With the type "schema" what is there must be equal. Columns are seen here; the rest is compared by definitions before anything is created. */
export const targetDefinitions: Check = {
  name: 'target_definitions',
  expected: 'selected tables that are on the target already have the columns of the source',
  applies: ({ schema }) => schema,
  run: async ({ target, tables, names, shapes }) => {
    const rowTables = tables.filter(({ kind }) => kind === 'r')
    const [there] = await target.query<{ count: string }>(
      `select count(*) as count from json_to_recordset($1::json) as x (schema text, name text)
         join pg_namespace n on n.nspname = x.schema join pg_class c on c.relnamespace = n.oid and c.relname = x.name`,
      [nameList(rowTables.map((table) => names.relation(table)))],
    )
    if (there?.count === '0') return passed('none is there yet')
    const { source: from, target: to } = await shapes()
    const problems = rowTables.flatMap(({ schema, name }) => {
      const label = qualified(schema, name)
      const [mine, other] = [from.get(label), to.get(label)]
      return mine && other ? columnDifferences(mine, other).map((text) => `${label}: ${text}`) : []
    })
    if (problems.length === 0) return passed(`${there?.count ?? ''} are there, with the same columns`)
    return failed(
      `${problems.length} differences`,
      'Drop or rename these tables of the target, make their columns equal, give the selected ones other names ("as"), or take "schema" out of "types".',
      problems,
    )
  },
}

function columnDifferences(from: TableShape, to: TableShape): string[] {
  if (to.kind !== from.kind) return ['it is no ordinary table on the target']
  const problems: string[] = []
  for (const [name, { type, generated }] of from.columns) {
    const other = to.columns.get(name)
    if (!other) problems.push(`column ${ident(name)} is missing`)
    else if (other.type !== type) problems.push(`column ${ident(name)} is ${other.type}, the source's ${type}`)
    else if (other.generated !== generated) problems.push(`column ${ident(name)} is generated on one side only`)
  }
  for (const name of to.columns.keys()) if (!from.columns.has(name)) problems.push(`column ${ident(name)} is on the target only`)
  return problems
}
