import type { Database } from '../postgres/connect.ts'
import type { MigrationSpec } from '../spec/migration-spec.ts'
import { isPattern, literalPart } from '../spec/name-pattern.ts'
import { isReservedSchema } from '../spec/selection.ts'
import { described, jsonPath } from '../spec/spec-problem.ts'
import type { SpecProblem } from '../spec/spec-problem.ts'

/**
 * Names in the spec, written out without `*`, that the source does not have. What a pattern matches may come later: that is
 * the precheck's item `selection`.
 */
export async function unknownObjects(source: Database, spec: Pick<MigrationSpec, 'objects' | 'exclude'>): Promise<SpecProblem[]> {
  const known = await readNames(source)
  const problems: SpecProblem[] = []
  const check = (path: readonly (string | number)[], schema: string, table: string | undefined): void => {
    const relations = isReservedSchema(schema) ? undefined : known.get(schema)
    if (!relations) {
      problems.push({ path: jsonPath([...path, 'schema']), found: described(schema, false), expected: 'a user schema of the source' })
      return
    }
    if (table === undefined || isPattern(table)) return
    const kind = relations.get(literalPart(table))
    if (kind === 'table') return
    const expected = kind === 'partition' ? 'the partitioned table, not its partition' : `a table of the schema ${described(schema, false)}`
    problems.push({ path: jsonPath([...path, 'table']), found: described(table, false), expected })
  }
  for (const [index, { schema, table }] of (spec.objects ?? []).entries()) check(['objects', index], schema, table)
  for (const [index, { schema, table }] of spec.exclude.entries()) {
    if (!isPattern(schema)) check(['exclude', index], literalPart(schema), table)
  }
  return problems
}

/** By schema, what can be selected by name; a partition goes with its root. */
async function readNames(source: Database): Promise<Map<string, Map<string, 'table' | 'partition'>>> {
  const rows = await source.query<{ schema: string; name: string | null; partition: string | null }>(
    `select n.nspname as schema, c.relname as name, c.relispartition as partition
       from pg_namespace n
       left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
  )
  const schemas = new Map<string, Map<string, 'table' | 'partition'>>()
  for (const { schema, name, partition } of rows) {
    const relations = schemas.get(schema) ?? new Map<string, 'table' | 'partition'>()
    schemas.set(schema, relations)
    if (name !== null) relations.set(name, partition === 't' ? 'partition' : 'table')
  }
  return schemas
}
