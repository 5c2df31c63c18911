import { isPattern, matchesPattern } from './name-pattern.ts'
import { isReservedSchema } from './selection.ts'
import { described, jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'

type Loose = Readonly<Record<string, unknown>>
type Path = readonly (string | number)[]
type Refuse = (path: Path, found: string, expected: string) => void

/** PostgreSQL refuses columns of these names (documentation, "System Columns"); `oid` up to 11. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', 'oid'])

/** What is wrong with `as` and `columns`, beyond their form and names that two entries share. Takes a spec that may be wrong in any way. */
export function mappingProblems(input: unknown): SpecProblem[] {
  const objects: unknown = (input as Loose | null | undefined)?.['objects']
  if (!Array.isArray(objects)) return []
  const entries = (objects as unknown[]).map(fields)
  const problems: SpecProblem[] = []
  const refuse: Refuse = (path, found, expected) => {
    problems.push({ path: jsonPath(['objects', ...path]), found, expected })
  }
  for (const [index, { schema, table, as, columns }] of entries.entries()) {
    if (typeof as === 'string') {
      if (typeof table === 'string' && isPattern(table)) refuse([index, 'as'], described(as, false), 'no "as" for a pattern')
      if (table === undefined && isReservedSchema(as))
        refuse([index, 'as'], described(as, false), 'a schema other than pgmove, pg_… and information_schema')
    }
    if (columns !== undefined && table === undefined) refuse([index, 'columns'], described(columns, false), '"columns" only with "table"')
    if (Array.isArray(columns)) checkColumns(index, columns as unknown[], refuse)
    if ((as === undefined && columns === undefined) || typeof schema !== 'string' || typeof table !== 'string' || isPattern(table)) continue
    const hidden = entries.slice(0, index).findIndex((other) => other['schema'] === schema && isPatternFor(other['table'], table))
    if (hidden !== -1) refuse([index], `a table that the pattern $.objects[${hidden}] matches first`, 'the single table before the pattern')
  }
  return problems
}

function checkColumns(index: number, columns: readonly unknown[], refuse: Refuse): void {
  const names = new Map<string, number>()
  const targets = new Map<string, number>()
  for (const [at, column] of columns.entries()) {
    const { name, as } = typeof column === 'string' ? { name: column, as: undefined } : fields(column)
    if (typeof name !== 'string') continue
    const path = [index, 'columns', at]
    const target = typeof as === 'string' ? as : name
    const [twice, taken] = [names.get(name), targets.get(target)]
    if (twice !== undefined) refuse(path, `the column of $.objects[${index}].columns[${twice}] again`, 'each column once')
    else if (taken !== undefined)
      refuse(path, `the name that $.objects[${index}].columns[${taken}] is mapped to`, 'a name of its own for each column')
    if (typeof as === 'string' && SYSTEM_COLUMNS.has(as)) refuse([...path, 'as'], described(as, false), 'a name that is no system column')
    names.set(name, at)
    targets.set(target, at)
  }
}

function isPatternFor(pattern: unknown, table: string): boolean {
  return typeof pattern === 'string' && isPattern(pattern) && matchesPattern(pattern, table)
}

function fields(value: unknown): Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {}
}
