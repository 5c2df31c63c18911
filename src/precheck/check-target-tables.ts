import { sequencesInScope } from '../cutover/sequences-in-scope.ts'
import { ident, qualified } from '../postgres/quote.ts'
import { acceptsType } from './accepts-type.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'
import { nameList } from './table-lists.ts'
import { readEnumLabels } from './table-shapes.ts'
import type { TableShape, UniqueShape } from './table-shapes.ts'

type EnumLabels = ReadonlyMap<string, ReadonlySet<string>>

const rowTables = ({ tables }: PrecheckContext) => tables.filter(({ kind }) => kind === 'r')

/** Without the type "schema": what would make the copy or the stream fail. */
export const targetTables: Check = {
  name: 'target_tables',
  expected: 'every selected table is on the target, with columns of the mapped names that take every value',
  applies: ({ schema }) => !schema,
  run: async (context) => {
    const { source, target } = context
    const tables = rowTables(context)
    const { source: here, target: there } = await context.shapes()
    const labels = { source: await readEnumLabels(source, context.names), target: await readEnumLabels(target) }
    const problems = tables.flatMap(({ schema, name }) => {
      const label = qualified(schema, name)
      const [from, to] = [here.get(label), there.get(label)]
      if (!from) return []
      if (!to) return [`${label} is missing${mappedTo(schema, name, context)}`]
      return tableProblems(from, to, labels).map((problem) => `${label}: ${problem}`)
    })
    for (const name of await missingSequences(context)) problems.push(`sequence ${name} is missing`)
    if (problems.length === 0) return passed(`${tables.length} tables fit`)
    return failed(`${problems.length} do not fit`, 'Change the target\'s tables, add "schema" to "types", or exclude the tables.', problems)
  },
}

/** Without the type "schema": what may make it fail, or slow. */
export const targetDifferences: Check = {
  name: 'target_differences',
  expected: 'the target refuses no row that the source allows, and has the same keys',
  applies: ({ schema }) => !schema,
  run: async (context) => {
    const { source: here, target: there } = await context.shapes()
    const differences = [...here].flatMap(([label, from]) => {
      const to = there.get(label)
      return to ? tableDifferences(from, to).map((difference) => `${label}: ${difference}`) : []
    })
    if (differences.length === 0) return passed('none')
    return warning(`${differences.length} differences`, 'Make the definitions equal, or ignore this warning.', differences)
  },
}

/** What a table is called on the target, if that differs. */
function mappedTo(schema: string, name: string, { names }: PrecheckContext): string {
  const target = names.relation({ schema, name })
  return target.schema === schema && target.name === name ? '' : ` as ${qualified(target.schema, target.name)}`
}

/** Sequences that would be set at the end, and are not on the target. */
async function missingSequences({ source, target, spec, names, full, incremental }: PrecheckContext): Promise<string[]> {
  if (!full && !incremental) return []
  const rows = await target.query<{ schema: string; name: string }>(
    `select x.schema, x.name from json_to_recordset($1::json) as x (schema text, name text)
      where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                         where c.relkind = 'S' and n.nspname = x.schema and c.relname = x.name)
      order by 1, 2`,
    [nameList((await sequencesInScope(source, spec, names)).map((sequence) => names.relation(sequence)))],
  )
  return rows.map(({ schema, name }) => qualified(schema, name))
}

function tableProblems(from: TableShape, to: TableShape, labels: { source: EnumLabels; target: EnumLabels }): string[] {
  if (to.kind !== 'r' && to.kind !== 'p') return ['it is no table']
  const problems: string[] = []
  for (const [name, column] of from.columns) {
    const other = to.columns.get(name)
    if (!other) problems.push(`column ${ident(name)} is missing`)
    else if (other.generated !== column.generated) problems.push(`column ${ident(name)} is generated on one side only`)
    else if (column.generated) continue
    else if (!acceptsType(column.type, other.type) && !acceptsType(column.base, other.type)) {
      problems.push(`column ${ident(name)} is ${other.type}, the source's ${column.type}`)
    } else {
      const type = column.type.replace(/(\[\])+$/, '')
      const known = labels.target.get(type)
      const missing = [...(labels.source.get(type) ?? [])].filter((label) => !known?.has(label)).length
      if (missing > 0) problems.push(`the type ${type} of column ${ident(name)} lacks ${missing} labels`)
    }
  }
  for (const [name, { optional, generated }] of to.columns) {
    if (!from.columns.has(name) && !optional && !generated) problems.push(`column ${ident(name)} is not on the source and needs a value`)
  }
  const extra = to.uniques.filter((unique) => !from.uniques.some((other) => implies(other, unique)))
  return [...problems, ...extra.map(({ name }) => `${ident(name)} is a unique or exclusion constraint that the source does not have`)]
}

/** Whether rows that `mine` keeps apart are kept apart by `other` too. */
function implies(mine: UniqueShape, other: UniqueShape): boolean {
  if (mine.definition === undefined ? !mine.columns && mine.name === other.name : mine.definition === other.definition) return true
  if (!mine.columns || !other.columns) return false
  // A primary key's columns are never NULL.
  if (other.nullsNotDistinct && !mine.nullsNotDistinct && !mine.primary) return false
  return mine.columns.every((name) => other.columns?.includes(name))
}

function tableDifferences(from: TableShape, to: TableShape): string[] {
  const notNull = [...to.columns].filter(([name, { notNull: strict }]) => strict && from.columns.get(name)?.notNull === false)
  const definitions = new Set(from.checks.values())
  const sameName = (name: string): boolean => from.checks.has(name) && from.checks.get(name) === undefined
  const checks = [...to.checks].filter(([name, definition]) => !definitions.has(definition) && !sameName(name))
  const keys = from.uniques.filter((unique) => unique.columns && !to.uniques.some((other) => implies(other, unique)))
  return [
    ...notNull.map(([name]) => `column ${ident(name)} is NOT NULL on the target only`),
    ...checks.map(() => 'a CHECK constraint is on the target only'),
    ...keys.map(({ name }) => `the key ${ident(name)} is missing on the target: changes may be slow to apply`),
  ]
}
