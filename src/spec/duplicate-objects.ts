import { isPattern, literalPart } from './name-pattern.ts'
import { jsonPath } from './spec-problem.ts'
import type { SpecProblem } from './spec-problem.ts'

type Loose = Readonly<Record<string, unknown>>

/** Entries of `objects` that name the same thing twice, or two objects that would land under one name. Takes a spec that may be wrong in any way. */
export function duplicateObjects(input: unknown): SpecProblem[] {
  const objects: unknown = (input as Loose | null | undefined)?.['objects']
  if (!Array.isArray(objects)) return []
  const entries = (objects as unknown[]).map((entry) => (typeof entry === 'object' && entry !== null ? (entry as Loose) : {}))
  const schemaAs = new Map<string, string>()
  for (const { schema, table, as } of entries) {
    if (typeof schema === 'string' && table === undefined && typeof as === 'string' && !schemaAs.has(schema)) schemaAs.set(schema, as)
  }

  const problems: SpecProblem[] = []
  const named = new Map<string, number>()
  const mapped = new Map<string, number>()
  for (const [index, { schema, table, as }] of entries.entries()) {
    if (typeof schema !== 'string' || (table !== undefined && typeof table !== 'string')) continue
    const earlier = named.get(key(schema, table))
    if (earlier !== undefined) {
      const path = jsonPath(['objects', index])
      problems.push({ path, found: `what $.objects[${earlier}] names already`, expected: 'each schema and table once' })
      continue
    }
    named.set(key(schema, table), index)
    if (table !== undefined && isPattern(table)) continue
    const name = typeof as === 'string' ? as : table === undefined ? schema : literalPart(table)
    const landing = table === undefined ? key(name) : key(schemaAs.get(schema) ?? schema, name)
    const other = mapped.get(landing)
    if (other === undefined) mapped.set(landing, index)
    else {
      const path = jsonPath(['objects', index])
      problems.push({ path, found: `the name that $.objects[${other}] is mapped to`, expected: 'a name of its own for each object' })
    }
  }
  return problems
}

const key = (...names: (string | undefined)[]): string => JSON.stringify(names.map((name) => name ?? null))
